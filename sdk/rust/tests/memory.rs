//! What a brick keeps from run to run, natively, as its author's own tests see it.

use qpyt_sdk::{BrickError, memory};

#[test]
fn nothing_is_remembered_at_first() {
    assert_eq!(memory::recall::<u32>().unwrap(), None);
    assert_eq!((memory::save(), memory::kept_by()), (None, None));
}

#[test]
fn what_is_kept_is_saved_and_restored() {
    memory::keep(&["fox", "hare"]).unwrap();
    let blob = memory::save().unwrap();
    memory::forget();
    assert_eq!(memory::save(), None);
    memory::restore("1.2.3".to_owned(), blob);
    assert_eq!(memory::kept_by().as_deref(), Some("1.2.3"));
    assert_eq!(memory::recall::<Vec<String>>().unwrap().unwrap(), ["fox", "hare"]);
}

#[test]
fn what_has_another_form_is_an_error_and_stays() {
    memory::restore("0.1.0".to_owned(), b"[1]".to_vec());
    let error = memory::recall::<String>().unwrap_err();
    assert!(matches!(&error, BrickError::Other(message) if message.contains("What 0.1.0")), "{error:?}");
    assert_eq!(memory::save().as_deref(), Some(b"[1]".as_slice()));
}
