//! The head of a request and of a response: what bricks may write into the one and read of the other.

use qpyt_bricks::capability::{Header, HttpError};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use crate::store::SecretValue;

/// Lines that belong to the connection, which is the studio's. A brick that wrote them could make the server see
/// another request, or another host, than the one that was checked.
const OURS: [&str; 12] = [
    "host",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The most bytes of a response's head that a brick gets.
const MOST_BYTES: usize = 64 << 10;

/// The head of a request as it is sent.
pub(super) fn request(asked: &[Header], bearer: Option<&SecretValue>) -> Result<HeaderMap, HttpError> {
    let mut head = HeaderMap::new();
    for Header { name, value } in asked {
        let shown: String = name.chars().filter(|letter| !letter.is_control()).take(80).collect();
        let wrong = |problem: &str| HttpError::BadArgument(format!("The header `{shown}` {problem}."));
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("has a name that can't be one"))?;
        if OURS.contains(&name.as_str()) {
            return Err(wrong("is written by the studio itself; leave it out"));
        }
        if name == AUTHORIZATION && bearer.is_some() {
            return Err(wrong("is taken by the secret that goes with the request; leave one of them out"));
        }
        let value = Some(value)
            .filter(|value| value.is_ascii())
            .and_then(|value| HeaderValue::from_str(value).ok())
            .ok_or_else(|| wrong("has a value with other than visible ASCII characters, blanks and tabs"))?;
        head.append(name, value);
    }
    head.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("qpyt/", env!("CARGO_PKG_VERSION"))));
    if let Some(bearer) = bearer {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", bearer.reveal()))
            .map_err(|_| HttpError::Other("The secret can't stand in a header. Set it again.".to_owned()))?;
        value.set_sensitive(true);
        head.insert(AUTHORIZATION, value);
    }
    Ok(head)
}

/// The head of a response as a brick gets it. What is no text, or too much, is left out.
pub(super) fn response(head: &HeaderMap) -> Vec<Header> {
    let mut left = MOST_BYTES;
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = std::str::from_utf8(value.as_bytes()).ok()?;
        Some(Header { name: name.as_str().to_owned(), value: value.to_owned() })
    };
    head.iter()
        .filter_map(text)
        .take_while(|header| {
            let room = left.checked_sub(header.name.len() + header.value.len());
            left = room.unwrap_or(0);
            room.is_some()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.to_owned(), value: value.to_owned() }
    }

    fn refusal(name: &str, value: &str) -> String {
        match request(&[header(name, value)], None) {
            Err(HttpError::BadArgument(message)) => message,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn lines_of_the_connection_are_the_studio_s_in_any_case() {
        for name in ["Host", "CONNECTION", "Transfer-Encoding", "content-length", "Upgrade", "TE", "Expect"] {
            assert!(refusal(name, "x").contains("by the studio itself"), "{name}");
        }
    }

    #[test]
    fn no_header_brings_another_with_it() {
        for (name, value) in [
            ("x", "a\r\nhost: evil"),
            ("x", "a\nb"),
            ("x", "\0"),
            ("x\r\nhost", "a"),
            ("x y", "a"),
            ("", "a"),
        ] {
            assert!(refusal(name, value).starts_with("The header"), "{name:?}");
        }
        assert!(refusal("x", "é").contains("ASCII"));
    }

    #[test]
    fn a_secret_is_the_only_authorization_of_its_request() {
        let secret = SecretValue::new("s3cret".to_owned()).unwrap();
        let own = [header("Authorization", "Basic abc")];
        assert!(request(&own, Some(&secret)).is_err());
        assert_eq!(request(&own, None).unwrap()[AUTHORIZATION], "Basic abc");
        let head = request(&[], Some(&secret)).unwrap();
        assert_eq!(head[AUTHORIZATION], "Bearer s3cret");
        assert!(!format!("{head:?}").contains("s3cret"));
    }

    #[test]
    fn a_request_says_who_sends_it_unless_the_brick_does() {
        assert!(request(&[], None).unwrap()[USER_AGENT].to_str().unwrap().starts_with("qpyt/"));
        assert_eq!(request(&[header("user-agent", "fox")], None).unwrap()[USER_AGENT], "fox");
    }

    #[test]
    fn a_response_s_head_has_an_end() {
        let mut head = HeaderMap::new();
        head.append("a", HeaderValue::from_static("text"));
        head.append("b", HeaderValue::from_bytes(&[0xff]).unwrap());
        for _ in 0..100 {
            head.append("long", HeaderValue::from_str(&"x".repeat(1000)).unwrap());
        }
        let given = response(&head);
        assert_eq!(given[0], header("a", "text"));
        assert!(given.iter().all(|header| header.name != "b"));
        assert_eq!(given.len(), 1 + 65);
    }
}
