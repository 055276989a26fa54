//! Content by digest: equal things once, and nothing that is not what its name says.

use std::fs;
use std::path::{Path, PathBuf};

use qpyt_bricks::Digest;
use qpyt_bricks::media::{self, DecodeLimits, Element, PixelFormat, Tensor};
use qpyt_studio::store::{ContentKind, StoreError};

use super::{TestStore, picture};

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The one file that the store keeps.
fn only_file(store: &TestStore) -> PathBuf {
    let files = files(&store.path().join("content"));
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn pictures_of_every_format_come_back_pixel_for_pixel_after_a_restart() {
    let formats = [PixelFormat::Rgba8, PixelFormat::Rgb8, PixelFormat::Luma8, PixelFormat::Luma32f];
    let store = TestStore::new();
    let pictures: Vec<_> = formats.into_iter().map(|format| picture(format, 33, 17)).collect();
    for image in &pictures {
        assert_eq!(store.content().put_image(image).unwrap(), image.digest());
    }
    let store = store.restart();
    for image in &pictures {
        let back = store.content().open_image(image.digest()).unwrap();
        assert_eq!(back.format(), image.format());
        assert_eq!(back.pixels(), image.pixels());
    }
}

#[test]
fn every_picture_can_be_had_as_png() {
    let store = TestStore::new();
    for format in [PixelFormat::Rgb8, PixelFormat::Luma32f] {
        let image = picture(format, 20, 10);
        store.content().put_image(&image).unwrap();
        let png = store.content().picture_png(image.digest()).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        let back = media::decode(&png, DecodeLimits::default()).unwrap();
        assert_eq!((back.width(), back.height()), (20, 10));
        assert_eq!(store.content().served(image.digest()).unwrap(), png);
    }
}

#[test]
fn equal_content_is_kept_once() {
    let store = TestStore::new();
    let image = picture(PixelFormat::Rgb8, 8, 8);
    store.content().put_image(&image).unwrap();
    let written = fs::metadata(only_file(&store)).unwrap().modified().unwrap();
    store.content().put_image(&picture(PixelFormat::Rgb8, 8, 8)).unwrap();
    assert_eq!(fs::metadata(only_file(&store)).unwrap().modified().unwrap(), written);
}

#[test]
fn tensors_and_files_come_back_byte_for_byte() {
    let store = TestStore::new();
    let data: Vec<u8> = (0..24).collect();
    let tensor = Tensor::new(vec![2, 3], Element::Float32, data.clone()).unwrap();
    let digest = store.content().put_tensor(&tensor).unwrap();
    let back = store.content().open_tensor(digest).unwrap();
    assert_eq!(
        (back.shape(), back.element(), back.data()),
        ([2, 3].as_slice(), Element::Float32, data.as_slice())
    );

    let file = store.content().put_file(&data).unwrap();
    assert_eq!(file, Digest::of(&data));
    assert_eq!(store.content().open_file(file).unwrap(), data);
    assert_eq!(store.content().served(file).unwrap(), data);
    assert!(matches!(store.content().served(digest), Err(StoreError::NoContent(_))));
    assert_eq!(store.content().kind(file), Some(ContentKind::File));
    assert_eq!(store.content().kind(digest), Some(ContentKind::Tensor));
}

#[test]
fn what_is_not_there_is_told_by_its_digest() {
    let store = TestStore::new();
    let digest = Digest::of(b"nothing");
    assert!(matches!(store.content().open_image(digest), Err(StoreError::NoContent(d)) if d == digest));
    assert!(matches!(store.content().open_file(digest), Err(StoreError::NoContent(_))));
    assert!(matches!(store.content().open_tensor(digest), Err(StoreError::NoContent(_))));
    assert_eq!(store.content().kind(digest), None);
}

#[test]
fn a_damaged_file_is_named_and_made_good_by_the_next_write() {
    for format in [PixelFormat::Rgb8, PixelFormat::Luma32f] {
        let image = picture(format, 40, 40);
        let damages: [fn(&mut Vec<u8>); 4] = [
            |bytes| bytes.clear(),
            |bytes| bytes.truncate(bytes.len() / 2),
            |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x40;
            },
            |bytes| bytes[9] = 0xff,
        ];
        for damage in damages {
            let store = TestStore::new();
            store.content().put_image(&image).unwrap();
            let path = only_file(&store);
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();

            let error = store.content().open_image(image.digest()).unwrap_err();
            assert!(matches!(&error, StoreError::Corrupt { path: named, .. } if *named == path), "{error}");
            assert!(store.content().picture_png(image.digest()).is_err());
            store.content().put_image(&image).unwrap();
            assert_eq!(store.content().open_image(image.digest()).unwrap().pixels(), image.pixels());
        }
    }
}

#[test]
fn a_sound_picture_under_a_wrong_name_is_refused() {
    let store = TestStore::new();
    let (one, other) = (picture(PixelFormat::Rgb8, 8, 8), picture(PixelFormat::Rgb8, 9, 9));
    store.content().put_image(&one).unwrap();
    let file = media::encode(&other, media::Container::Png, 90).unwrap();
    fs::write(only_file(&store), file).unwrap();
    assert!(matches!(store.content().open_image(one.digest()), Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_header_that_promises_too_much_takes_no_memory() {
    let store = TestStore::new();
    let image = picture(PixelFormat::Luma32f, 4, 4);
    store.content().put_image(&image).unwrap();
    let header = br#"{"width":4294967295,"height":4294967295}"#;
    let mut file = b"QPYTRAW\x01".to_vec();
    file.extend((header.len() as u32).to_le_bytes());
    file.extend(header);
    fs::write(only_file(&store), file).unwrap();
    assert!(matches!(store.content().open_image(image.digest()), Err(StoreError::Corrupt { .. })));
}
