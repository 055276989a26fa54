//! Hands out what is not kept: how far bricks are and what their pictures look like so far. Only the newest counts,
//! so a listener that falls behind loses nothing that matters. Kept events are read from the store.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::progress::{Preview, ProgressUpdate};
use crate::library::view::BrickChange;
use crate::pull::view::CatalogueModel;

/// How many messages a slow listener may fall behind before older ones are dropped for it.
const BACKLOG: usize = 256;

/// What listeners get.
#[derive(Debug, Clone)]
pub enum Message {
    /// How far a brick is.
    Progress(Arc<ProgressUpdate>),
    /// What a brick's picture looks like so far.
    Preview(Arc<Preview>),
    /// What happened to an installed brick.
    Bricks(Arc<BrickChange>),
    /// How a model stands now.
    Models(Arc<CatalogueModel>),
}

/// The place where messages are handed out.
#[derive(Debug, Clone)]
pub struct Hub {
    sender: broadcast::Sender<Message>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG) }
    }
}

impl Hub {
    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Message> {
        self.sender.subscribe()
    }

    /// Hands out how far a brick is.
    pub fn progress(&self, update: ProgressUpdate) {
        self.send(Message::Progress(Arc::new(update)));
    }

    /// Hands out a glimpse.
    pub fn preview(&self, preview: Preview) {
        self.send(Message::Preview(Arc::new(preview)));
    }

    /// Hands out what happened to a brick.
    pub fn bricks(&self, change: BrickChange) {
        self.send(Message::Bricks(Arc::new(change)));
    }

    /// Hands out how a model stands.
    pub fn models(&self, model: CatalogueModel) {
        self.send(Message::Models(Arc::new(model)));
    }

    fn send(&self, message: Message) {
        // It fails when nobody listens, which is fine.
        let _ = self.sender.send(message);
    }
}
