//! Depth Anything V2 against what transformers computed from small random weights.

use std::path::Path;

use candle_core::Device;
use qpyt_inference::vision::VisionError;
use qpyt_inference::vision::depth_anything::{DepthLayout, DepthMap, DepthModel};
use serde_json::{Value, json};

use crate::support::{
    Reference, copy_folder, gap, patterned_picture, reference_folder, repository, set_in_file, spread, values,
};

/// Largest difference allowed of the raw map, as a share of its largest value and of its spread.
const OF_VALUE: f32 = 1e-4;
const OF_SPREAD: f32 = 2e-3;
/// Difference that is always allowed: the last rectifier makes some weights' maps zero everywhere.
const LEAST: f32 = 1e-7;
/// Largest difference allowed of a value in 0..1. The small model's map spans a twentieth of its values, so that
/// bringing it to 0..1 widens rounding errors.
const NORMALISED: f32 = 1e-3;

fn model(folder: &Path) -> DepthModel {
    DepthModel::load(&DepthLayout::read(folder).unwrap().unwrap(), &Device::Cpu).unwrap()
}

/// A copy of the case with the processor that published folders have.
fn copy_with_processor(change: impl Fn(&Path)) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&repository().join("tests/reference/depth-anything-v2"), copy.path());
    let processor = json!({
        "image_processor_type": "DPTImageProcessor", "do_resize": true, "do_rescale": true,
        "do_normalize": true, "do_pad": false, "ensure_multiple_of": 14, "keep_aspect_ratio": true,
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3,
        "rescale_factor": 0.00392156862745098, "size": {"height": 56, "width": 56}, "size_divisor": null
    });
    std::fs::write(copy.path().join("preprocessor_config.json"), processor.to_string()).unwrap();
    change(copy.path());
    copy
}

#[test]
fn maps_of_square_and_wide_pictures_are_those_of_the_reference() {
    let folder = reference_folder().join("depth-anything-v2");
    let (model, reference) = (model(&folder), Reference::open(&folder));
    for name in ["square", "wide"] {
        let ours = model.predict(&reference.get(&format!("{name}.pixel_values"))).unwrap();
        let wanted = reference.get(&format!("{name}.depth"));
        let gap = gap(&ours, &wanted);
        let largest = values(&wanted).into_iter().map(f32::abs).fold(0.0, f32::max);
        println!(
            "{name}: {:.1e} of the largest value, {:.1e} of the spread",
            gap / largest,
            gap / spread(&wanted)
        );
        for allowed in [OF_VALUE * largest, OF_SPREAD * spread(&wanted)] {
            assert!(gap <= allowed.max(LEAST), "{name} differs by {gap}");
        }
    }
}

#[test]
fn pictures_of_any_size_give_the_maps_of_the_whole_reference_pipeline() {
    // Computed once with transformers 5.23 from the checkpoint in tests/reference: DPTImageProcessorPil with the
    // settings below, the model, post_process_depth_estimation to the picture's size, then min-max. Per case the
    // mean, the standard deviation and the values at five places.
    let copy = copy_with_processor(|_| ());
    let model = model(copy.path());
    let cases = [
        ((97, 61), 0.416_759_1, 0.081_969_9, [0.862_418, 0.412_856, 0.4132, 0.413_993, 0.523_786]),
        ((30, 200), 0.443_334_2, 0.084_094_9, [0.851_862, 0.422_337, 0.422_085, 0.428_465, 0.551_429]),
        ((20, 20), 0.564_623_1, 0.148_740_5, [0.743_35, 0.571_146, 0.570_231, 0.296_986, 0.051_501]),
        ((1, 1), 0.0, 0.0, [0.0_f32; 5]),
    ];
    for ((width, height), mean, deviation, places) in cases {
        let map = model.depth(&patterned_picture(width, height)).unwrap();
        assert_eq!((map.width, map.height), (width, height));
        let count = map.values.len() as f32;
        let ours = map.values.iter().sum::<f32>() / count;
        let spread = (map.values.iter().map(|v| (v - ours) * (v - ours)).sum::<f32>() / count).sqrt();
        let at = |x: u32, y: u32| map.values[(y * width + x) as usize];
        let (right, bottom) = (width - 1, height - 1);
        let ours_at = [
            at(0, 0),
            at(width / 2, height / 2),
            at(width / 4, height / 3),
            at(right, bottom),
            at(0, bottom),
        ];
        for (ours, want) in ours_at.into_iter().zip(places).chain([(ours, mean), (spread, deviation)]) {
            assert!((ours - want).abs() < NORMALISED, "{width}x{height}: {ours} instead of {want}");
        }
    }
}

#[test]
fn maps_reach_from_zero_to_one_and_to_sixteen_bits() {
    let copy = copy_with_processor(|_| ());
    let map = model(copy.path()).depth(&patterned_picture(40, 30)).unwrap();
    let least = map.values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = map.values.iter().copied().fold(0.0, f32::max);
    assert_eq!((least, most), (0.0, 1.0));
    let grey = map.to_grey16();
    assert_eq!((grey.iter().min(), grey.iter().max()), (Some(&0), Some(&u16::MAX)));
    let map = DepthMap { width: 3, height: 1, values: vec![0.0, 0.5, 1.0] };
    assert_eq!(map.to_grey16(), [0, 32768, 65535]);
}

#[test]
fn metric_models_call_near_what_is_few_metres_away() {
    let near = copy_with_processor(|_| ());
    let metric = copy_with_processor(|folder| {
        set_in_file(&folder.join("config.json"), "depth_estimation_type", json!("metric"));
        set_in_file(&folder.join("config.json"), "max_depth", json!(20));
    });
    let picture = patterned_picture(31, 25);
    let (near, metric) =
        (model(near.path()).depth(&picture).unwrap(), model(metric.path()).depth(&picture).unwrap());
    // Both maps rise with the same last layer, one read as nearness, the other as distance.
    for (near, metric) in near.values.iter().zip(&metric.values) {
        assert!((near + metric - 1.0).abs() < 0.02, "{near} and {metric}");
    }
}

#[test]
fn folders_of_other_models_are_not_read_as_depth_models() {
    assert!(DepthLayout::read(&repository().join("tests/reference/sd15")).unwrap().is_none());
    assert!(DepthLayout::read(&repository().join("tests/reference/florence2")).unwrap().is_none());
    assert!(DepthLayout::read(Path::new("/nowhere")).unwrap().is_none());
}

#[test]
fn a_layout_tells_its_files_and_sizes_without_reading_weights() {
    let copy = copy_with_processor(|_| ());
    let layout = DepthLayout::read(copy.path()).unwrap().unwrap();
    let names: Vec<_> = layout.files().into_iter().map(|f| f.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["config.json", "preprocessor_config.json", "model.safetensors"]);
    let header_and_weights = std::fs::metadata(copy.path().join("model.safetensors")).unwrap().len();
    let weights = layout.weight_bytes();
    assert!(weights < header_and_weights && weights > header_and_weights * 9 / 10, "{weights}");
    let (small, large) =
        (layout.activation_bytes((50, 50)).unwrap(), layout.activation_bytes((50, 500)).unwrap());
    assert!(small > 56 * 56 * 4 && large > 5 * small, "{small}, {large}");
}

#[test]
fn pictures_that_cannot_be_seen_are_refused_before_any_work() {
    let copy = copy_with_processor(|_| ());
    let model = model(copy.path());
    let mut torn = patterned_picture(8, 8);
    torn.rgb.pop();
    for (picture, hint) in
        [(patterned_picture(0, 5), "0x5"), (torn, "191 bytes"), (patterned_picture(65_000, 50), "crop it")]
    {
        let error = model.depth(&picture).unwrap_err();
        assert!(matches!(error, VisionError::BadPicture(_)) && error.to_string().contains(hint), "{error}");
    }
    // One edge would vanish; it keeps one patch.
    assert_eq!(model.depth(&patterned_picture(400, 3)).unwrap().values.len(), 1200);
}

#[test]
fn settings_that_would_change_the_mathematics_are_refused_by_file_and_key() {
    let (config, processor) = ("config.json", "preprocessor_config.json");
    let cases: [(&str, &str, Value); 16] = [
        (config, "neck_hidden_sizes", json!([8, 16])),
        (config, "neck_hidden_sizes", json!([8, 16, 24, 1e12])),
        (config, "reassemble_factors", json!([4, 2, 1, 0.3])),
        (config, "reassemble_factors", json!([4, 2, 1, 0])),
        (config, "fusion_hidden_size", json!(0)),
        (config, "fusion_hidden_size", json!(15)),
        (config, "head_in_index", json!(1)),
        (config, "head_hidden_size", json!(1_u64 << 40)),
        (config, "patch_size", json!(16)),
        (config, "depth_estimation_type", json!("stereo")),
        (config, "backbone_config", json!(null)),
        (
            config,
            "backbone_config",
            json!({"model_type": "dinov2", "hidden_size": 32, "num_attention_heads": 5}),
        ),
        (config, "backbone_config", json!({"model_type": "swin"})),
        (processor, "ensure_multiple_of", json!(10)),
        (processor, "image_std", json!([1, 1, 0])),
        (processor, "resample", json!(0)),
    ];
    for (file, key, value) in cases {
        let copy = copy_with_processor(|folder| set_in_file(&folder.join(file), key, value.clone()));
        let error = DepthLayout::read(copy.path()).err().expect("it was accepted").to_string();
        assert!(error.contains(file) && error.contains(&format!("`{key}")), "{key}: {value}: {error}");
    }
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_refused_with_both_shapes() {
    let copy = copy_with_processor(|folder| {
        set_in_file(&folder.join("config.json"), "fusion_hidden_size", json!(32));
    });
    let layout = DepthLayout::read(copy.path()).unwrap().unwrap();
    let error = DepthModel::load(&layout, &Device::Cpu).err().unwrap().to_string();
    assert!(error.contains("[32") && error.contains("[16"), "{error}");
    std::fs::remove_file(copy.path().join("model.safetensors")).unwrap();
    let error = DepthLayout::read(copy.path()).err().unwrap().to_string();
    assert!(error.contains("`model.safetensors` is missing"), "{error}");
}
