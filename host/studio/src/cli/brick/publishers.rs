//! Which key each publisher had when it was first seen, as the studio's store knows it.

use qpyt_author::install::Publishers;
use qpyt_bricks::package::PublisherKey;

use crate::store::{Remembered, Store};

impl Publishers for Store {
    fn key_of(&self, publisher: &str) -> Result<Option<PublisherKey>, String> {
        let known = self.publisher_key(publisher).map_err(|error| error.to_string())?;
        known.map(|key| key.parse().map_err(|error| format!("{error}"))).transpose()
    }

    fn remember(&self, publisher: &str, key: &PublisherKey) -> Result<(), String> {
        match self.remember_publisher(publisher, &key.to_string()).map_err(|error| error.to_string())? {
            Remembered::New | Remembered::Known => Ok(()),
            Remembered::OtherKey(known) => Err(format!("“{publisher}” is known by the key {known}")),
        }
    }
}
