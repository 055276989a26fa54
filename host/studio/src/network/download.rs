//! Large files through the same door as everything else: a body that comes in pieces, redirects that are checked one
//! by one, and a token that only the first host sees.

use std::time::Duration;

use bytes::Bytes;
use qpyt_bricks::capability::HttpError;
use reqwest::header::{
    AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, IF_RANGE, LOCATION, RANGE, USER_AGENT,
};
use reqwest::{Response, StatusCode};
use tokio::sync::watch;

use super::client::{Clients, failure};
use super::{Network, Target, off};
use crate::store::SecretValue;

/// Redirects that are followed for one file.
const MOST_REDIRECTS: usize = 5;

/// What is asked for besides the URL.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asking<'a> {
    /// Sent to the host of the first URL and to no other, over https or to a host that the configuration exempts.
    pub bearer: Option<&'a SecretValue>,
    /// Bytes that are here already.
    pub from: u64,
    /// The ETag that the bytes here had.
    pub if_range: Option<&'a str>,
}

/// A response whose head is here and whose body comes piece by piece.
pub struct Download {
    target: Target,
    response: Response,
    offline: watch::Receiver<bool>,
    /// The longest time between two pieces.
    patience: Duration,
}

impl Network {
    /// Asks for a file and follows redirects until there is one, or an error status.
    ///
    /// # Errors
    /// See [`HttpError`]; a status that tells of an error is no error here.
    pub async fn download(&self, url: &str, asking: Asking<'_>) -> Result<Download, HttpError> {
        let mut offline = self.offline.subscribe();
        self.check_on()?;
        let asked = async {
            let clients = self.clients.get_or_try_init(Clients::make).await?;
            self.follow(clients, Target::parse(url)?, asking).await
        };
        let (target, response) = tokio::select! {
            biased;
            _ = offline.wait_for(|off| *off) => return Err(self.is_off()),
            answer = asked => answer?,
        };
        let offline = self.offline.subscribe();
        Ok(Download { target, response, offline, patience: self.settings.timeout })
    }

    async fn follow(
        &self,
        clients: &Clients,
        first: Target,
        asking: Asking<'_>,
    ) -> Result<(Target, Response), HttpError> {
        let mut target = first.clone();
        for _ in 0..=MOST_REDIRECTS {
            let bearer = asking.bearer.filter(|_| target.scope() == first.scope());
            let response = self.ask(clients, &target, asking, bearer).await?;
            let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
            match location {
                Some(location) => {
                    let location = location.to_str().unwrap_or_default().to_owned();
                    target = target.join(&location)?;
                }
                None => return Ok((target, response)),
            }
        }
        Err(HttpError::Other(format!("{} redirects more than {MOST_REDIRECTS} times.", first.scope())))
    }

    async fn ask(
        &self,
        clients: &Clients,
        target: &Target,
        asking: Asking<'_>,
        bearer: Option<&SecretValue>,
    ) -> Result<Response, HttpError> {
        let exempt = self.is_exempt(target);
        if !exempt {
            target.check_address()?;
            if bearer.is_some() {
                target.check_encrypted()?;
            }
        }
        let request = clients.of(exempt).get(target.url().clone()).headers(head(asking, bearer)?);
        let answer = tokio::time::timeout(self.settings.timeout, request.send()).await;
        answer.map_err(|_| HttpError::TimedOut)?.map_err(|error| failure(target, &error))
    }

    fn is_off(&self) -> HttpError {
        HttpError::Denied(off(self.state()).to_owned())
    }
}

fn head(asking: Asking<'_>, bearer: Option<&SecretValue>) -> Result<HeaderMap, HttpError> {
    let wrong = |what: &str| HttpError::Other(format!("{what} can't stand in the head of a request."));
    let mut head = HeaderMap::new();
    head.insert(USER_AGENT, HeaderValue::from_static(concat!("qpyt/", env!("CARGO_PKG_VERSION"))));
    if asking.from > 0 {
        let range =
            HeaderValue::from_str(&format!("bytes={}-", asking.from)).map_err(|_| wrong("A range"))?;
        head.insert(RANGE, range);
        // A weak ETag promises nothing about single bytes, so it can't guard a range.
        if let Some(etag) = asking.if_range.filter(|etag| !etag.starts_with("W/")) {
            head.insert(IF_RANGE, HeaderValue::from_str(etag).map_err(|_| wrong("An ETag"))?);
        }
    }
    if let Some(bearer) = bearer {
        let value = HeaderValue::from_str(&format!("Bearer {}", bearer.reveal()));
        let mut value = value.map_err(|_| wrong("The secret"))?;
        value.set_sensitive(true);
        head.insert(AUTHORIZATION, value);
    }
    Ok(head)
}

impl Download {
    /// How it was answered.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// A line of the head, if it is there and text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// A line of the head that has no constant.
    #[must_use]
    pub fn header_named(&self, name: &'static str) -> Option<&str> {
        self.header(&HeaderName::from_static(name))
    }

    /// Bytes that will come, if the server says so.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece, and `None` at the end.
    ///
    /// # Errors
    /// When the network is switched off, nothing comes for too long, or the connection breaks.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, HttpError> {
        let Self { target, response, offline, patience } = self;
        tokio::select! {
            biased;
            _ = offline.wait_for(|off| *off) => Err(HttpError::Denied(super::OFF.to_owned())),
            piece = tokio::time::timeout(*patience, response.chunk()) => {
                piece.map_err(|_| HttpError::TimedOut)?.map_err(|error| failure(target, &error))
            }
        }
    }

    /// The whole body, if it has at most `most` bytes.
    ///
    /// # Errors
    /// As [`piece`](Self::piece), and [`HttpError::TooLarge`].
    pub async fn text(mut self, most: usize) -> Result<Vec<u8>, HttpError> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            if body.len() + piece.len() > most {
                return Err(HttpError::TooLarge(most as u64));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}
