//! Where a request goes: a URL read once, so that what is checked is what is connected to.

use std::net::IpAddr;

use qpyt_bricks::HostScope;
use qpyt_bricks::capability::HttpError;
use url::{Host, Url};

use super::address;

/// A URL that a request may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    scope: HostScope,
}

impl Target {
    /// Reads what a brick gave.
    ///
    /// # Errors
    /// [`HttpError::BadArgument`]: which part is wrong and what it may be.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        let wrong = |problem: &str| HttpError::BadArgument(format!("The URL can't be used: {problem}."));
        // URL readers drop or mend these without a word; nobody who means well sends them.
        if text.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '\\') {
            return Err(wrong("it has blanks, control characters or backslashes"));
        }
        let mut url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it must begin with https:// or http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it names a user; send a header or a secret instead"));
        }
        url.set_fragment(None);
        let scope = match (url.host(), url.port_or_known_default()) {
            (Some(host), Some(port)) if port > 0 => HostScope::exact(&host, port),
            _ => None,
        };
        let scope = scope.ok_or_else(|| wrong("it names no host"))?;
        Ok(Self { url, scope })
    }

    /// The host with its port: what has to be granted.
    #[must_use]
    pub fn scope(&self) -> &HostScope {
        &self.scope
    }

    /// Where a redirect leads.
    pub(super) fn join(&self, location: &str) -> Result<Self, HttpError> {
        let wrong =
            |problem: String| HttpError::Other(format!("{} redirects wrongly: {problem}.", self.scope));
        let next = self.url.join(location).map_err(|error| wrong(error.to_string()))?;
        let next = Self::parse(next.as_str()).map_err(|error| wrong(error.to_string()))?;
        if self.url.scheme() == "https" && next.url.scheme() != "https" {
            return Err(wrong("from https to http".to_owned()));
        }
        Ok(next)
    }

    /// The whole of it.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Fails where the URL is written with a private address. Names are checked when they are resolved.
    pub(super) fn check_address(&self) -> Result<(), HttpError> {
        let address = match self.url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if address::is_public(address) { Ok(()) } else { Err(self.is_private()) }
    }

    /// Fails where everybody on the way could read a secret.
    pub(super) fn check_encrypted(&self) -> Result<(), HttpError> {
        if self.url.scheme() == "https" {
            return Ok(());
        }
        Err(HttpError::Denied(format!(
            "Secrets are sent over https only, not to http://{}. If that is a machine of your own, add it to `private_hosts` under [network] in qpyt.toml.",
            self.scope
        )))
    }

    /// What is heard of a host that is not out in the world.
    pub(super) fn is_private(&self) -> HttpError {
        HttpError::Denied(format!(
            "{} is this machine or in a private network, which neither bricks nor downloads reach. To make an exception, write into qpyt.toml: [network] private_hosts = [\"{}\"]",
            self.scope, self.scope
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(url: &str) -> String {
        Target::parse(url).unwrap().scope().to_string()
    }

    #[test]
    fn however_a_host_is_spelled_it_is_the_same_host() {
        for (url, expected) in [
            ("https://api.example.org/x", "api.example.org:443"),
            ("HTTPS://API.EXAMPLE.ORG:443/x", "api.example.org:443"),
            ("https://api.example.org./x", "api.example.org:443"),
            ("https://api%2Eexample.org/", "api.example.org:443"),
            ("http://api.example.org/", "api.example.org:80"),
            ("https://api.example.org:8443", "api.example.org:8443"),
            ("https://ａｐｉ.example.org/", "api.example.org:443"),
            ("https://bücher.example/", "xn--bcher-kva.example:443"),
            ("http://2130706433/", "127.0.0.1:80"),
            ("http://0x7f.0.0.1/", "127.0.0.1:80"),
            ("http://0177.1:8080/", "127.0.0.1:8080"),
            ("http://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]:80"),
            ("http://127.0.0.1./", "127.0.0.1:80"),
        ] {
            assert_eq!(scope(url), expected, "{url}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for url in [
            "",
            "api.example.org/x",
            "//api.example.org/",
            "ftp://api.example.org/",
            "file:///etc/passwd",
            "data:text/plain,x",
            "unix:///run/docker.sock",
            "https://user@api.example.org/",
            "https://user:word@api.example.org/",
            "https://api.example.org@evil.example/",
            "https://api.example.org\\@evil.example/",
            "https://api.exa\tmple.org/",
            "https://api.example.org/\n",
            " https://api.example.org/",
            "https://api.example.org\0.evil.example/",
            "https://api.example.org%00.evil.example/",
            "https://api.example.org:99999/",
            "https://api.example.org:0/",
            "https:///",
            "https://[::1",
            "https://[fe80::1%25eth0]/",
            "https://a..b/",
            "https://*.example.org/",
            "https://256.256.256.256/",
        ] {
            assert!(matches!(Target::parse(url), Err(HttpError::BadArgument(_))), "{url:?} was taken");
        }
    }

    #[test]
    fn a_fragment_stays_here() {
        assert_eq!(Target::parse("https://a.example/x?y#z").unwrap().url().as_str(), "https://a.example/x?y");
    }

    #[test]
    fn private_addresses_in_a_url_are_denied_with_the_way_to_allow_them() {
        for url in
            ["http://127.0.0.1:8089/", "http://2130706433:8089", "http://[::1]/", "http://[::ffff:10.0.0.1]/"]
        {
            let error = Target::parse(url).unwrap().check_address().unwrap_err();
            assert!(
                matches!(&error, HttpError::Denied(message) if message.contains("private_hosts = [")),
                "{error}"
            );
        }
        assert!(Target::parse("http://93.184.215.14/").unwrap().check_address().is_ok());
        assert!(Target::parse("https://a.example/").unwrap().check_address().is_ok());
    }

    #[test]
    fn secrets_go_over_https_only() {
        assert!(Target::parse("https://a.example/").unwrap().check_encrypted().is_ok());
        assert!(Target::parse("http://a.example/").unwrap().check_encrypted().is_err());
    }
}
