//! The brick that writes pictures into a folder which the person allowed, under names made from a pattern.

mod file_name;
mod pattern;
mod unique;

use std::collections::BTreeSet;

use pattern::{Facts, Pattern};
use qpyt_sdk::JsonObject;
use qpyt_sdk::job;
use qpyt_sdk::job::clock::{self, Moment};
use qpyt_sdk::media::types::Container;
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::info_of_picture;
use qpyt_sdk::store::files;
use qpyt_sdk::store::types::StoreError;
use unique::Uuids;

/// Writes the pictures into a folder on your disk. It never overwrites a file.
#[derive(Params)]
struct SaveToDisk {
    /// Where the pictures go. The studio asks you once whether that is all right.
    #[param(widget = "folder")]
    folder: String,
    /// How the files are named: {date} {time} {seed} {model} {uuid} {prompt} are filled in.
    #[param(title = "File name", default = "{date}_{time}_{seed}")]
    pattern: String,
    /// PNG and WebP keep every detail, JPEG makes smaller files.
    #[param(default = Container::Png)]
    format: Container,
    /// How much detail a JPEG keeps.
    #[param(default = 90, min = 1, max = 100)]
    quality: u8,
}

#[derive(Inputs)]
struct Pictures {
    /// The pictures to write.
    #[port(label = "Images", required)]
    image: Vec<Image>,
    /// How they were made, for the file names.
    info: Option<Json<JsonObject>>,
}

#[derive(Outputs)]
struct Written {
    /// The same pictures.
    #[port(label = "Images", required)]
    image: Vec<Image>,
    /// The files that were written.
    paths: Json<Vec<String>>,
}

impl Brick for SaveToDisk {
    const ID: &'static str = "qpyt:save-to-disk";
    const LABEL: &'static str = "Save to disk";
    const CATEGORY: Category = Category::Output;
    type Inputs = Pictures;
    type Outputs = Written;

    fn run(self, inputs: Pictures) -> Result<Written> {
        let folder = chosen(&self.folder)?;
        let pattern =
            Pattern::parse(&self.pattern).map_err(|problem| BrickError::bad_param("pattern", problem))?;
        let info = inputs.info.map(|Json(info)| info).unwrap_or_default();
        let names = names(&pattern, &info, inputs.image.len(), clock::now(), job::seed());
        let written = inputs.image.iter().zip(&names).map(|(image, name)| {
            files::save(image, folder, name, self.format, self.quality).map_err(not_written)
        });
        let paths = written.collect::<Result<Vec<_>>>()?;
        Ok(Written { image: inputs.image, paths: Json(paths) })
    }
}

/// The folder, if one was chosen.
fn chosen(folder: &str) -> Result<&str> {
    match folder.trim() {
        "" => Err(BrickError::bad_param("folder", "Choose the folder that the pictures should go to.")),
        folder => Ok(folder),
    }
}

/// One file name per picture, without extension, all of them different.
fn names(pattern: &Pattern, info: &JsonObject, count: usize, now: Moment, seed: u64) -> Vec<String> {
    let mut uuids = Uuids::new(seed);
    let mut taken = BTreeSet::new();
    let names = (0..count).map(|index| {
        let facts = Facts { now, info: &info_of_picture(info, index), uuid: uuids.next() };
        file_name::distinct(file_name::sanitised(&pattern.fill(&facts)), &mut taken)
    });
    names.collect()
}

/// A folder that can't be used is a matter of the parameter; the rest is the host's.
fn not_written(error: StoreError) -> BrickError {
    match error {
        StoreError::NotFound(message) | StoreError::BadArgument(message) => {
            BrickError::bad_param("folder", message)
        }
        other => other.into(),
    }
}

qpyt_sdk::export!(SaveToDisk);

#[cfg(test)]
mod tests {
    use super::*;
    use qpyt_sdk::serde_json::{Value, json};

    const NOW: Moment = Moment { year: 2026, month: 11, day: 23, hour: 14, minute: 3, second: 59 };

    fn names_of(pattern: &str, info: Value, count: usize) -> Vec<String> {
        names(&Pattern::parse(pattern).unwrap(), info.as_object().unwrap(), count, NOW, 7)
    }

    fn problem_with(param: &str, error: BrickError) -> String {
        match error {
            BrickError::BadParam(problem) if problem.name == param => problem.problem,
            other => panic!("not a problem with the parameter `{param}`: {other:?}"),
        }
    }

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<SaveToDisk>(), Vec::<String>::new());
    }

    #[test]
    fn without_a_folder_it_asks_for_one() {
        let brick = SaveToDisk { folder: " ".to_owned(), ..SaveToDisk::defaults().unwrap() };
        let error = brick.run(Pictures { image: Vec::new(), info: None }).err().unwrap();
        assert!(problem_with("folder", error).contains("Choose the folder"));
    }

    #[test]
    fn an_unknown_token_is_a_problem_with_the_pattern() {
        let brick = SaveToDisk {
            folder: "/p".to_owned(),
            pattern: "{sed}".to_owned(),
            ..SaveToDisk::defaults().unwrap()
        };
        let error = brick.run(Pictures { image: Vec::new(), info: None }).err().unwrap();
        assert!(problem_with("pattern", error).contains("`{sed}`"));
    }

    #[test]
    fn each_picture_is_named_after_its_own_seed() {
        let names = names_of("{date}_{time}_{seed}", json!({"seeds": [7, 8]}), 2);
        assert_eq!(names, ["2026-11-23_14-03-59_7", "2026-11-23_14-03-59_8"]);
    }

    #[test]
    fn pictures_that_nothing_tells_apart_are_numbered() {
        assert_eq!(names_of("fox", json!({}), 3), ["fox", "fox-2", "fox-3"]);
    }

    #[test]
    fn what_stands_in_the_info_never_leaves_the_folder() {
        assert_eq!(names_of("{model}", json!({"model": "../../../tmp/x"}), 1), ["-..-..-tmp-x"]);
    }

    #[test]
    fn each_picture_gets_a_uuid_of_its_own() {
        let names = names_of("{uuid}", json!({}), 2);
        assert_eq!(names.iter().map(String::len).collect::<Vec<_>>(), [36, 36]);
        assert_ne!(names[0], names[1]);
    }

    #[test]
    fn a_missing_folder_is_a_matter_of_the_parameter_and_a_refusal_is_not() {
        assert_eq!(problem_with("folder", not_written(StoreError::NotFound("Gone.".to_owned()))), "Gone.");
        let denied = not_written(StoreError::Denied("Allow it.".to_owned()));
        assert!(matches!(denied, BrickError::Host(message) if message == "Allow it."));
    }
}
