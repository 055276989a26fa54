//! What a person may expect of a drawing, from small pictures that are easy to tell.

use qpyt_sdk::check;

use super::*;

const RED: [u8; 4] = [220, 20, 30, 255];
const BLUE: [u8; 4] = [20, 40, 200, 255];
const AIR: [u8; 4] = [0, 0, 0, 0];

fn form() -> Vectorize {
    Vectorize::defaults().unwrap()
}

/// A square of one colour in the middle of another.
fn square(side: usize, inner: [u8; 4], outer: [u8; 4]) -> Picture {
    let within = |at: usize| (side / 4..side * 3 / 4).contains(&at);
    let pixel = |at: usize| if within(at % side) && within(at / side) { inner } else { outer };
    Picture { width: side, height: side, pixels: (0..side * side).map(pixel).collect() }
}

fn drawn(picture: &Picture, form: &Vectorize) -> String {
    drawing(picture, &Plan::of(form), MAX_BYTES, |_| Ok(())).unwrap()
}

fn fills(svg: &str) -> Vec<&str> {
    svg.split("fill=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// Reads the XML strictly: elements in each other, attributes in quotes. Gives the names of all elements.
fn elements(svg: &str) -> Vec<String> {
    let (mut open, mut names) = (Vec::<String>::new(), Vec::new());
    for tag in svg.split('<').skip(1) {
        let (tag, between) = tag.split_once('>').expect("a tag ends");
        assert!(between.trim().is_empty(), "text between elements: {between}");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed));
            continue;
        }
        let empty = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let pieces: Vec<_> = attributes.split('"').collect();
        assert_eq!(pieces.len() % 2, 1, "quotes come in pairs: {attributes}");
        for name in pieces.iter().step_by(2).filter(|piece| !piece.is_empty()) {
            let name = name.trim().strip_suffix('=').expect("a name before each value");
            assert!(["xmlns", "width", "height", "viewBox", "fill", "d"].contains(&name), "{name}");
        }
        names.push(name.to_owned());
        if !empty {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    names
}

#[test]
fn it_describes_itself_well() {
    assert_eq!(check::problems::<Vectorize>(), Vec::<String>::new());
}

#[test]
fn without_a_picture_it_names_the_input() {
    let error = qpyt_sdk::brick::run::<Vectorize>(Vec::new(), "{}").unwrap_err();
    assert!(matches!(error, BrickError::BadInput(problem) if problem.name == "image"));
}

#[test]
fn a_picture_of_two_colours_is_two_paths_of_these_colours_and_of_its_size() {
    for hierarchical in ["stacked", "cutout"] {
        for curve in ["spline", "polygon", "pixel"] {
            let form = Vectorize { hierarchical: hierarchical.to_owned(), curve: curve.to_owned(), ..form() };
            let svg = drawn(&square(64, RED, BLUE), &form);
            assert_eq!(elements(&svg), ["svg", "path", "path"], "{hierarchical} {curve}: {svg}");
            let mut colours = fills(&svg);
            colours.sort_unstable();
            assert_eq!(colours, ["#1428c8", "#dc141e"], "{hierarchical} {curve}");
            assert!(svg.starts_with(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"64\" height=\"64\" viewBox=\"0 0 64 64\">"
            ));
        }
    }
}

#[test]
fn along_pixels_the_outline_is_exact() {
    let form = Vectorize { curve: "pixel".to_owned(), ..form() };
    let svg = drawn(&square(64, RED, BLUE), &form);
    assert!(svg.contains("<path fill=\"#dc141e\" d=\"M16 16h32v32h-32z\"/>"), "{svg}");
}

#[test]
fn what_can_not_be_seen_is_not_drawn_whatever_the_precision() {
    for colour_precision in [1, 6, 8] {
        for colour in [RED, [0, 0, 0, 255], [1, 0, 0, 255], [255, 0, 0, 200]] {
            let svg = drawn(&square(64, colour, AIR), &Vectorize { colour_precision, ..form() });
            let [r, g, b, _] = colour;
            assert_eq!(fills(&svg), [format!("#{r:02x}{g:02x}{b:02x}")], "{colour_precision}: {svg}");
            assert!(!svg.contains("M0 0"), "only the square: {svg}");
        }
    }
    assert_eq!(elements(&drawn(&square(64, AIR, [9, 9, 9, 100]), &form())), ["svg"]);
}

#[test]
fn black_and_white_draws_what_is_dark() {
    let binary = Vectorize { mode: "binary".to_owned(), ..form() };
    assert_eq!(fills(&drawn(&square(64, [40, 40, 40, 255], [250, 250, 250, 255]), &binary)), ["#000000"]);
    assert_eq!(fills(&drawn(&square(64, [40, 40, 40, 255], AIR), &binary)), ["#000000"], "air is white");
    assert!(fills(&drawn(&square(64, [200; 4], [250; 4]), &binary)).is_empty());
    let more = Vectorize { threshold: 230, ..binary };
    assert_eq!(fills(&drawn(&square(64, [200, 200, 200, 255], [250, 250, 250, 255]), &more)).len(), 1);
}

#[test]
fn speckles_are_left_out_up_to_the_side_that_was_asked_for() {
    let mut picture = square(64, BLUE, BLUE);
    for (x, y) in [(10, 10), (10, 11), (11, 10), (11, 11)] {
        picture.pixels[y * 64 + x] = RED;
    }
    assert_eq!(fills(&drawn(&picture, &Vectorize { speckle: 1, ..form() })).len(), 1, "thinner than 2 px");
    assert_eq!(fills(&drawn(&picture, &Vectorize { speckle: 0, ..form() })).len(), 2);
    assert_eq!(fills(&drawn(&square(64, RED, BLUE), &Vectorize { speckle: 33, ..form() })).len(), 1);
}

#[test]
fn a_higher_layer_difference_gives_fewer_shapes() {
    // Eight bands, each 24 from the next when the channels are summed.
    let band = |at: usize| [[(at % 128 / 16) as u8 * 8; 3].as_slice(), &[255]].concat();
    let pixels = (0..128 * 128).map(|at| band(at).try_into().unwrap()).collect();
    let picture = Picture { width: 128, height: 128, pixels };
    let shapes = |layer_difference| fills(&drawn(&picture, &Vectorize { layer_difference, ..form() })).len();
    let all = [8, 40, 200].map(shapes);
    assert_eq!((all[0], all[2]), (8, 1), "{all:?}");
    assert!((2..8).contains(&all[1]), "{all:?}");
}

#[test]
fn fewer_decimal_places_make_a_smaller_drawing() {
    let disc = |at: usize| {
        let (x, y) = ((at % 96) as i32 - 48, (at / 96) as i32 - 48);
        if x * x + y * y < 1600 { RED } else { BLUE }
    };
    let picture = Picture { width: 96, height: 96, pixels: (0..96 * 96).map(disc).collect() };
    let bytes = |path_precision| drawn(&picture, &Vectorize { path_precision, ..form() }).len();
    assert!(bytes(0) < bytes(2) && bytes(2) < bytes(5));
    assert_eq!(drawn(&picture, &form()), drawn(&picture, &form()), "the same again");
}

#[test]
fn pictures_that_are_too_large_are_refused_with_a_way_out() {
    assert!(check_size(1, 2048, 2048).is_ok());
    let error = check_size(3, 2049, 2048).unwrap_err();
    assert!(
        matches!(error, BrickError::BadInput(it) if it.name == "image" && it.problem.contains("Picture 3") && it.problem.contains("zoom"))
    );
    assert!(check_size(1, u32::MAX, u32::MAX).is_err());
}

#[test]
fn drawings_that_are_too_large_name_the_parameter_that_helps() {
    let error = drawing(&square(64, RED, BLUE), &Plan::of(&form()), 100, |_| Ok(())).unwrap_err();
    assert!(
        matches!(error, BrickError::BadParam(it) if it.name == "speckle" && it.problem.contains("smaller"))
    );
}

#[test]
fn it_tells_how_far_it_is_and_stops_when_it_is_told_to() {
    let noise = |at: usize| [(at * 7919 % 251) as u8, (at * 104_729 % 241) as u8, (at % 239) as u8, 255];
    let picture = Picture { width: 300, height: 300, pixels: (0..90_000).map(noise).collect() };
    let mut told = Vec::new();
    let plan = Plan::of(&form());
    drawing(&picture, &plan, MAX_BYTES, |fraction| {
        told.push(fraction);
        Ok(())
    })
    .unwrap();
    assert!(told.len() > 5 && told.is_sorted() && told.iter().all(|it| (0.0..=1.0).contains(it)), "{told:?}");
    let mut asked = 0;
    let stopped = drawing(&picture, &plan, MAX_BYTES, |_| {
        asked += 1;
        Err(BrickError::Cancelled)
    });
    assert!(matches!(stopped, Err(BrickError::Cancelled)) && asked == 1);
}
