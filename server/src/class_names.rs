//! What a job's classes are called, and answers that say so. A bundle names its classes; those of a
//! trial's model are known by their numbers, which on digits are the digits.

use std::{borrow::Cow, sync::Arc};

use serde::Serialize;
use tabsweep_protocol::{Answer, Label, LabelModel, Sha256};
use tabsweep_vision::Bundle;

use crate::blobs::{BlobError, Blobs};

/// The names of a model's classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClassNames(Arc<[String]>);

impl ClassNames {
    /// Those of a job's model. Where a bundle's names are gone, the numbers have to do: what a job has
    /// found is worth more than how it reads.
    ///
    /// # Errors
    /// The place of blobs can't be read.
    pub(crate) async fn of(model: &LabelModel, blobs: &Blobs) -> Result<Self, BlobError> {
        let LabelModel::Bundle { labels, .. } = model else {
            return Ok(Self::default());
        };
        let (blobs, sha256) = (blobs.clone(), labels.sha256.clone());
        tokio::task::spawn_blocking(move || Self::read(&blobs, &sha256))
            .await
            .expect("reading names does not panic")
    }

    fn read(blobs: &Blobs, sha256: &Sha256) -> Result<Self, BlobError> {
        let names = blobs
            .get(sha256)?
            .and_then(|bytes| Bundle::labels(&bytes).ok());
        if names.is_none() {
            tracing::warn!("the names of classes, {sha256}, are gone");
        }
        Ok(Self(names.unwrap_or_default().into()))
    }

    /// What a class is called.
    pub(crate) fn name(&self, class: u32) -> Cow<'_, str> {
        match self.0.get(class as usize) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(class.to_string()),
        }
    }

    /// What a model says, with the names of what it says.
    pub(crate) fn answer(&self, answer: Answer) -> NamedAnswer {
        match answer {
            Answer::Labels(labels) => {
                NamedAnswer::Labels(labels.iter().map(|label| self.label(label)).collect())
            }
            Answer::Unreadable(reason) => NamedAnswer::Unreadable(reason),
        }
    }

    fn label(&self, label: &Label) -> NamedLabel {
        NamedLabel {
            class: label.class,
            name: self.name(label.class).into_owned(),
            score: label.score,
        }
    }
}

/// What a model says of one picture.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NamedAnswer {
    /// The likeliest classes, best first.
    Labels(Vec<NamedLabel>),
    /// Why the picture can't be looked at.
    Unreadable(String),
}

/// A class, what it is called, and how likely it is.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct NamedLabel {
    /// The class, counted from 0.
    pub(crate) class: u32,
    /// Its name; its number where the model has none.
    pub(crate) name: String,
    /// Its probability.
    pub(crate) score: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_a_name_is_called_by_its_number() {
        let names = ClassNames(["cat".to_owned(), "hot dog".to_owned()].into());
        assert_eq!(names.name(1), "hot dog");
        assert_eq!(names.name(2), "2");
        assert_eq!(ClassNames::default().name(7), "7");
    }
}
