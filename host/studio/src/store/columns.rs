//! How the store's types are written in SQLite columns.

use std::error::Error;

use jiff::Timestamp;
use qpyt_bricks::Digest;
use qpyt_bricks::media::Container;
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Value as SqlValue, ValueRef};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as NameError, StrDeserializer};
use serde_json::Value;

use super::{CallOutcome, EventKind, JobId, JobState, Lane};

fn unreadable(error: impl Error + Send + Sync + 'static) -> FromSqlError {
    FromSqlError::Other(Box::new(error))
}

/// JSON kept as text.
pub(super) struct Json(pub(super) Value);

impl FromSql for Json {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Json).map_err(unreadable)
    }
}

impl ToSql for Json {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(SqlValue::Text(self.0.to_string())))
    }
}

/// A moment kept as milliseconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl Moment {
    /// The present, to the millisecond.
    pub(super) fn now() -> Self {
        let now = Timestamp::now();
        Self(Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now))
    }
}

impl FromSql for Moment {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Timestamp::from_millisecond(value.as_i64()?).map(Moment).map_err(unreadable)
    }
}

impl ToSql for Moment {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(SqlValue::Integer(self.0.as_millisecond())))
    }
}

/// A digest kept as `blake3:…`.
#[derive(Clone, Copy)]
pub(super) struct Name(pub(super) Digest);

impl FromSql for Name {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Name).map_err(unreadable)
    }
}

impl ToSql for Name {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(SqlValue::Text(self.0.to_string())))
    }
}

/// A picture format kept as `png`, `jpeg` or `webp`.
#[derive(Clone, Copy)]
pub(super) struct ContainerName(pub(super) Container);

impl FromSql for ContainerName {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name: StrDeserializer<'_, NameError> = value.as_str()?.into_deserializer();
        Container::deserialize(name).map(ContainerName).map_err(unreadable)
    }
}

impl ToSql for ContainerName {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self.0 {
            Container::Png => "png",
            Container::Jpeg => "jpeg",
            Container::Webp => "webp",
        }))
    }
}

macro_rules! kept_as_text {
    ($($type:ty),*) => {$(
        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(unreadable)
            }
        }

        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Owned(SqlValue::Text(self.to_string())))
            }
        }
    )*};
}

kept_as_text!(CallOutcome, EventKind, JobId, JobState, Lane);
