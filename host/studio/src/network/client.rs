//! The HTTP client: no redirects, no proxies, no cookies, a connection of its own for each request, and names resolved
//! by us, so that the address that was checked is the address that is connected to.

use std::error::Error;
use std::time::Duration;

use qpyt_bricks::capability::{HttpError, HttpResponse, Method};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use reqwest::{Client, ClientBuilder, Response, redirect};

use super::address::is_public;
use super::head;
use super::target::Target;

/// How long one attempt to connect may take.
const CONNECT: Duration = Duration::from_secs(10);

/// One client for the world, and one for the hosts that the configuration exempts.
pub(super) struct Clients {
    world: Client,
    exempt: Client,
}

/// All addresses of a name, or the public ones.
struct Resolver {
    private: bool,
}

/// A name that leads nowhere but into private networks.
#[derive(Debug, thiserror::Error)]
#[error("all its addresses are private")]
struct OnlyPrivate;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let open: Vec<_> = found.filter(|address| private || is_public(address.ip())).collect();
            if open.is_empty() {
                return Err(OnlyPrivate.into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

impl Clients {
    /// Reads the system's certificates and makes both.
    pub(super) async fn make() -> Result<Self, HttpError> {
        let made = tokio::task::spawn_blocking(|| {
            // Another part of the program may have been first, with the same.
            let _ = rustls::crypto::ring::default_provider().install_default();
            Ok(Self { world: client(false)?, exempt: client(true)? })
        });
        let broken = |problem: String| HttpError::Other(format!("The network can't be used: {problem}."));
        made.await
            .map_err(|error| broken(error.to_string()))?
            .map_err(|error: reqwest::Error| broken(root(&error)))
    }

    /// The one for a target.
    pub(super) fn of(&self, exempt: bool) -> &Client {
        if exempt { &self.exempt } else { &self.world }
    }

    /// Sends one request and reads its answer.
    pub(super) async fn exchange(
        &self,
        exempt: bool,
        target: &Target,
        method: Method,
        headers: HeaderMap,
        body: Vec<u8>,
        most: u64,
    ) -> Result<HttpResponse, HttpError> {
        let mut request = self.of(exempt).request(verb(method), target.url().clone()).headers(headers);
        if !body.is_empty() || matches!(method, Method::Post | Method::Put | Method::Patch) {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| failure(target, &error))?;
        let (status, headers) = (response.status().as_u16(), head::response(response.headers()));
        let body = read(response, target, most).await?;
        Ok(HttpResponse { status, headers, body })
    }
}

/// Where the system has no certificates, https has nothing to trust and http still works.
fn client(private: bool) -> reqwest::Result<Client> {
    builder(private).build().or_else(|error| {
        tracing::warn!(error = %root(&error), "https can't be used; install the system's certificates");
        builder(private).tls_certs_only([]).build()
    })
}

fn builder(private: bool) -> ClientBuilder {
    Client::builder()
        .tls_backend_rustls()
        .dns_resolver(Resolver { private })
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT)
}

fn verb(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// The body, as far as it may go.
async fn read(mut response: Response, target: &Target, most: u64) -> Result<Vec<u8>, HttpError> {
    if response.content_length().is_some_and(|length| length > most) {
        return Err(HttpError::TooLarge(most));
    }
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| failure(target, &error))? {
        if (body.len() + part.len()) as u64 > most {
            return Err(HttpError::TooLarge(most));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// What a failed exchange means for who asked.
pub(super) fn failure(target: &Target, error: &reqwest::Error) -> HttpError {
    if causes(error).any(|cause| cause.is::<OnlyPrivate>()) {
        return target.is_private();
    }
    if error.is_timeout() {
        return HttpError::TimedOut;
    }
    let (scope, cause) = (target.scope(), root(error));
    if error.is_connect() {
        return HttpError::Unreachable(format!("{scope} can't be reached: {cause}."));
    }
    HttpError::Unreachable(format!("The connection to {scope} broke: {cause}."))
}

/// An error and what is behind it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// What is behind all.
fn root(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}
