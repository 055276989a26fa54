//! What people have where a weight file should be, told by its first bytes: a problem with a header says nothing to them.

/// How a pointer of Git LFS begins, which stands for a file that was not fetched.
const POINTER: &[u8] = b"version https://git-lfs";
/// Bytes in which a web page shows that it is one.
const PAGE_START: usize = 256;

/// What a file is that was taken for another; none if that can't be told.
pub(super) fn mistaken(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(POINTER) {
        return Some("is only a pointer to the model (Git LFS); fetch the file that it stands for");
    }
    let start = bytes.get(..bytes.len().min(PAGE_START)).unwrap_or_default().trim_ascii_start();
    let page = [b"<!doctype".as_slice(), b"<html"];
    let begins = |with: &&[u8]| start.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    page.iter().any(begins).then_some(
        "is a web page and no model; fetch the model again, signed in where its page asks for that",
    )
}

#[cfg(test)]
mod tests {
    use super::mistaken;

    #[test]
    fn pages_and_pointers_are_known_by_how_they_begin() {
        assert!(mistaken(b"version https://git-lfs.github.com/spec/v1\noid").unwrap().contains("pointer"));
        for page in ["<!DOCTYPE html><html>", "\n <html lang=\"en\">"] {
            assert!(mistaken(page.as_bytes()).unwrap().contains("web page"), "{page}");
        }
        for other in [b"".as_slice(), b"<", b"\x80\x02}q\0.", b"version 2"] {
            assert_eq!(mistaken(other), None);
        }
    }
}
