//! The stream of what happens: kept events with their sequence number, progress and previews in between.
//!
//! A browser that lost its connection says which event it saw last and gets what it missed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Frame, KeepAlive};
use axum::response::{IntoResponse, Sse};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::extract::ApiQuery;
use crate::jobs::hub::Message;
use crate::store::{Event, Seq, Store};
use crate::studio::Studio;

/// How many kept events are read at once.
const PAGE: u32 = 500;
/// Frames that may wait for a slow browser before the studio waits for it.
const WINDOW: usize = 64;

/// Where to start.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// The last event seen; the header `Last-Event-ID` wins. Without either, only what happens from now on.
    after: Option<i64>,
}

/// A kept event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventBody {
    /// Grows with every event.
    seq: i64,
    /// The job it is about.
    job: String,
    /// What happened: `queued`, `started`, `brick-started`, `brick-finished`, `brick-failed`, `log`, `result`,
    /// `succeeded`, `failed`, `cancelled`, `interrupted` or `deleted`.
    kind: &'static str,
    /// When (RFC 3339).
    at: String,
    /// More, by kind.
    data: serde_json::Value,
}

impl From<&Event> for EventBody {
    fn from(event: &Event) -> Self {
        Self {
            seq: event.seq.0,
            job: event.job.to_string(),
            kind: event.kind.as_str(),
            at: event.at.to_string(),
            data: event.data.clone(),
        }
    }
}

/// Follow what happens
///
/// Server-sent events. `job`: a kept event (`EventBody`, its `id` is `seq`). `progress` (`ProgressUpdate`) and
/// `preview` (`Preview`): not kept, only the newest counts. `bricks` (`BrickChange`): not kept; ask for the list of
/// bricks then, and after each new connection. `models` (`CatalogueModel`): not kept; how a model stands while it is
/// fetched, and after.
#[utoipa::path(get, path = "/api/events", operation_id = "stream_events", tag = "jobs", params(After),
    responses((status = 200, description = "Events", content_type = "text/event-stream", body = String)))]
pub async fn stream(
    State(studio): State<Arc<Studio>>,
    ApiQuery(after): ApiQuery<After>,
    headers: HeaderMap,
) -> impl IntoResponse {
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let mut news = studio.store.watch_events();
    let seen = resumed.or(after.after).map_or_else(|| *news.borrow_and_update(), Seq);
    let (frames, stream) = mpsc::channel(WINDOW);
    let feed = Feed { store: studio.store.clone(), frames, seen };
    tokio::spawn(feed.run(news, studio.jobs.hub().listen()));
    let alive = KeepAlive::new().interval(Duration::from_secs(10)).text("alive");
    Sse::new(ReceiverStream::new(stream)).keep_alive(alive)
}

/// One listener.
struct Feed {
    store: Arc<Store>,
    frames: mpsc::Sender<Result<Frame, Infallible>>,
    seen: Seq,
}

/// The listener is gone, or the store can't be read or is closed.
struct Ended;

impl Feed {
    async fn run(mut self, mut news: watch::Receiver<Seq>, mut messages: broadcast::Receiver<Message>) {
        if self.frames.send(Ok(Frame::default().comment("connected"))).await.is_err() {
            return;
        }
        let mut sent = self.catch_up().await;
        while sent.is_ok() {
            sent = tokio::select! {
                // A brick's end must not be told before its last step.
                biased;
                message = messages.recv() => match message {
                    Ok(Message::Progress(update)) => self.send("progress", &*update).await,
                    Ok(Message::Preview(preview)) => self.send("preview", &*preview).await,
                    Ok(Message::Bricks(change)) => self.send("bricks", &*change).await,
                    Ok(Message::Models(model)) => self.send("models", &*model).await,
                    Err(RecvError::Lagged(_)) => Ok(()),
                    Err(RecvError::Closed) => Err(Ended),
                },
                changed = news.changed() => match changed {
                    Ok(()) => self.catch_up().await,
                    Err(_) => Err(Ended),
                },
                () = self.frames.closed() => Err(Ended),
            };
        }
    }

    /// Sends the kept events that this listener has not seen.
    async fn catch_up(&mut self) -> Result<(), Ended> {
        loop {
            let (store, seen) = (self.store.clone(), self.seen);
            let page = tokio::task::spawn_blocking(move || store.events_after(seen, PAGE))
                .await
                .map_err(|_| Ended)?;
            let page = page.map_err(|error| {
                tracing::error!(%error, "events can't be read");
                Ended
            })?;
            if page.is_empty() {
                return Ok(());
            }
            for event in &page {
                self.seen = event.seq;
                let frame = Frame::default().id(event.seq.to_string()).event("job");
                let frame = frame.json_data(EventBody::from(event)).map_err(|_| Ended)?;
                self.frames.send(Ok(frame)).await.map_err(|_| Ended)?;
            }
        }
    }

    async fn send(&self, name: &str, data: &impl Serialize) -> Result<(), Ended> {
        let frame = Frame::default().event(name).json_data(data).map_err(|_| Ended)?;
        self.frames.send(Ok(frame)).await.map_err(|_| Ended)
    }
}
