//! The normal map brick: the directions that a surface faces, from a depth picture or any other, computed in the brick.

mod heights;
mod normals;

use pixels::Picture;
use qpyt_sdk::job;
use qpyt_sdk::media::types::PixelFormat;
use qpyt_sdk::prelude::*;

use heights::Heights;
use normals::{Green, Kernel, normals};

/// Makes normal maps for 3D tools from depth pictures, or from the brightness of any picture.
#[derive(Debug, Clone, Params)]
struct NormalMap {
    /// How steep slopes become. 1 makes a rise from black to white in 8 pixels one of 45°, 0 makes all level.
    #[param(default = 2.0, min = 0.0, max = 10.0, step = 0.1)]
    strength: f64,
    /// Where green points: up for OpenGL, Blender and Unity, down for DirectX and Unreal.
    #[param(title = "Green", default = "opengl", choices = [("opengl", "Up (OpenGL)"), ("directx", "Down (DirectX)")])]
    direction: String,
    /// Softens heights first, so that grain is no slope. In pixels.
    #[param(default = 0.0, min = 0.0, max = 20.0, step = 0.5)]
    blur: f64,
    /// For pictures whose dark parts are near.
    #[param(title = "Invert height")]
    invert: bool,
    /// For textures that repeat: each edge goes on with the other one.
    #[param(title = "Tiling")]
    tiles: bool,
    /// How slopes are measured. Scharr is rounder, Sobel is what most tools use.
    #[param(default = "sobel", choices = [("sobel", "Sobel"), ("scharr", "Scharr")])]
    kernel: String,
}

#[derive(Inputs)]
struct Surfaces {
    /// Pictures whose light parts are high, such as depth maps.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

#[derive(Outputs)]
struct Maps {
    /// The normal maps, as large as the pictures and with their transparency.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

impl Brick for NormalMap {
    const ID: &'static str = "qpyt:normal-map";
    const LABEL: &'static str = "Normal map";
    const CATEGORY: Category = Category::Output;
    type Inputs = Surfaces;
    type Outputs = Maps;

    fn run(self, inputs: Surfaces) -> Result<Maps> {
        let all = inputs.image.len();
        let mut image = Vec::with_capacity(all);
        for (done, surface) in inputs.image.iter().enumerate() {
            job::progress(done as f32 / all as f32, &format!("Picture {} of {all}", done + 1))?;
            image.push(self.of_image(surface)?.write()?);
        }
        Ok(Maps { image })
    }
}

impl NormalMap {
    fn of_image(&self, image: &Image) -> Result<Picture> {
        match image.info().format {
            PixelFormat::Luma8 | PixelFormat::Luma32f => Ok(self.map(Heights::read(image, self.tiles)?)),
            PixelFormat::Rgb8 | PixelFormat::Rgba8 => Ok(self.of_picture(&Picture::read(image)?)),
        }
    }

    /// The map of a picture's brightness, with its alpha.
    fn of_picture(&self, picture: &Picture) -> Picture {
        let mut map = self.map(Heights::of(picture, self.tiles));
        for ([_, _, _, alpha], [_, _, _, kept]) in map.pixels.iter_mut().zip(&picture.pixels) {
            *alpha = *kept;
        }
        map
    }

    fn map(&self, mut heights: Heights) -> Picture {
        if self.blur > 0.0 {
            heights = heights.blurred(self.blur as f32);
        }
        let strength = self.strength as f32 * if self.invert { -1.0 } else { 1.0 };
        let kernel = if self.kernel == "scharr" { Kernel::Scharr } else { Kernel::Sobel };
        let green = if self.direction == "directx" { Green::Down } else { Green::Up };
        normals(&heights, strength, kernel, green)
    }
}

qpyt_sdk::export!(NormalMap);

#[cfg(test)]
mod tests {
    use super::*;

    /// A bump of light on dark, half of it transparent.
    fn bump() -> Picture {
        let pixel = |at: usize| {
            let (x, y) = ((at % 32) as f32 - 15.5, (at / 32) as f32 - 15.5);
            let light = (255.0 - 12.0 * (x * x + y * y).sqrt()).max(0.0) as u8;
            [light, light, light, if x < 0.0 { 255 } else { 90 }]
        };
        Picture { width: 32, height: 32, pixels: (0..32 * 32).map(pixel).collect() }
    }

    fn form() -> NormalMap {
        NormalMap::defaults().unwrap()
    }

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<NormalMap>(), Vec::<String>::new());
    }

    #[test]
    fn without_a_picture_it_names_the_input() {
        let error = qpyt_sdk::brick::run::<NormalMap>(Vec::new(), "{}").unwrap_err();
        assert!(matches!(error, BrickError::BadInput(problem) if problem.name == "image"));
    }

    #[test]
    fn the_left_of_a_bump_faces_left_its_top_up_and_alpha_stays() {
        let map = form().of_picture(&bump());
        let (left, top, right) = (map.near(8, 16), map.near(16, 8), map.near(24, 16));
        assert!(left[0] < 110 && right[0] > 146, "{left:?} {right:?}");
        assert!(top[1] > 146, "{top:?}");
        assert_eq!((left[3], right[3]), (255, 90));
    }

    #[test]
    fn inverted_and_for_directx_the_same_slopes_face_the_other_way() {
        let [plain, inverted, directx] = [
            form(),
            NormalMap { invert: true, ..form() },
            NormalMap { direction: "directx".to_owned(), ..form() },
        ]
        .map(|form| form.of_picture(&bump()));
        for ((plain, inverted), directx) in plain.pixels.iter().zip(&inverted.pixels).zip(&directx.pixels) {
            let is_mirrored = |one: u8, other: u8| (i32::from(one) + i32::from(other) - 255).abs() <= 1;
            assert!(is_mirrored(plain[0], inverted[0]) && is_mirrored(plain[1], inverted[1]));
            assert!(plain[0] == directx[0] && is_mirrored(plain[1], directx[1]) && plain[2] == directx[2]);
        }
    }

    #[test]
    fn strength_makes_slopes_steeper_and_blur_makes_them_softer() {
        let out =
            |form: NormalMap| form.of_picture(&bump()).pixels.iter().map(|it| u32::from(it[2])).sum::<u32>();
        let plain = out(form());
        assert!(out(NormalMap { strength: 8.0, ..form() }) < plain);
        assert!(out(NormalMap { blur: 4.0, ..form() }) > plain);
        assert_eq!(out(NormalMap { strength: 0.0, ..form() }), 255 * 32 * 32);
    }
}
