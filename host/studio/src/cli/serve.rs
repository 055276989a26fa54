//! `qpyt serve`: the studio in the browser.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use qpyt_author::build::BuildOptions;
use qpyt_author::dev::DevLoop;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::arguments::{Common, Serve};
use super::{brick, overrides, ready};
use crate::config::{Config, Environment, Overrides};
use crate::http;
use crate::studio::{Access, Studio};

/// How long requests under way may take once the studio is told to stop.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Starts the studio and answers until it is told to stop (Ctrl+C, or SIGTERM).
///
/// # Errors
/// When the studio can't start or the port is taken.
pub(super) async fn serve(common: &Common, options: Serve) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let overrides = Overrides {
        address: options.address,
        port: options.port,
        open_browser: options.no_open.then_some(false),
        ..overrides(common)
    };
    let config = Config::load(&overrides, &Environment::of_process()?)?;
    let layout = ready(common, &config)?;
    let listener = listen(&config).await?;
    let address = listener.local_addr().context("the address can't be read")?;
    let token = (!address.ip().is_loopback()).then(new_token);
    let studio = Arc::new(Studio::open(&config, layout, Access::Own).await?);
    studio.start()?;
    let developed = CancellationToken::new();
    let _ends_with_this = developed.clone().drop_guard();
    for source in &options.dev {
        develop(&studio, &config, source, developed.clone())?;
    }
    let page = page(address, token.as_deref());
    println!("Qpyt Studio is ready after {:.1} s: {page}", started.elapsed().as_secs_f64());
    if config.open_browser && open::that_detached(&page).is_err() {
        println!("Open this address in your browser.");
    }
    answer(listener, http::router(studio.clone(), address, token)).await.context("the server failed")?;
    studio.stop();
    Ok(ExitCode::SUCCESS)
}

/// Builds the brick in `source` on every save, into the folder that the studio watches.
fn develop(studio: &Studio, config: &Config, source: &Path, cancel: CancellationToken) -> anyhow::Result<()> {
    let build = BuildOptions { sdk: studio.layout.root.join("sdk"), offline: config.offline };
    let dev = DevLoop::new(source, &studio.store.bricks_folder(), build)?;
    let source = source.to_owned();
    tokio::spawn(async move {
        if let Err(error) = dev.run(cancel, brick::tell_of_build).await {
            eprintln!("{} is not built any more: {error}", source.display());
        }
    });
    Ok(())
}

/// Answers until told to stop. Requests under way get a moment to end; open event streams never end by themselves.
async fn answer(listener: TcpListener, router: Router) -> std::io::Result<()> {
    let stop = CancellationToken::new();
    let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        ended = async { server.await } => ended,
        () = async {
            told_to_stop().await;
            stop.cancel();
            tokio::time::sleep(LAST_MOMENT).await;
        } => Ok(()),
    }
}

async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(config.address, config.port);
    TcpListener::bind(address).await.with_context(|| {
        format!("can't listen at {address}; is another studio running there? Choose another port with --port")
    })
}

/// The address that a person opens.
fn page(address: SocketAddr, token: Option<&str>) -> String {
    match token {
        Some(token) => format!("http://{address}/?token={token}"),
        None => format!("http://{address}/"),
    }
}

/// 244 random bits.
fn new_token() -> String {
    format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}

pub(super) async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        else {
            let _ = interrupt.await;
            return;
        };
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _ = interrupt.await;
    }
}
