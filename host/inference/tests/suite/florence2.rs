//! Florence-2 against what transformers computed from small random weights.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use qpyt_inference::text::beam::{EarlyStopping, SearchRules, StepDecoder};
use qpyt_inference::vision::VisionError;
use qpyt_inference::vision::florence2::config::Florence2Config;
use qpyt_inference::vision::florence2::tokenizer::FlorenceTokenizer;
use qpyt_inference::vision::florence2::{CaptionLayout, CaptionModel, Florence2, Task, Teaching};
use qpyt_inference::weights::{ConfigFile, SafetensorsFile, WeightFiles};
use serde_json::{Map, Value, json};

use crate::support::{
    Reference, copy_folder, gap, patterned_picture, reference_folder, repository, set_in_file, values,
};

/// Largest difference allowed of states and scores, as a share of the largest value.
const OF_VALUE: f32 = 1e-4;

fn networks(folder: &Path) -> Florence2 {
    let config = Florence2Config::read(&ConfigFile::read(&folder.join("config.json")).unwrap()).unwrap();
    let files = Arc::new(WeightFiles::open(folder, "model").unwrap());
    Florence2::load(&config, files, &Device::Cpu).unwrap()
}

/// The rules of the case's own configuration.
fn case_rules(beams: usize, longest: usize) -> SearchRules {
    SearchRules {
        start: 2,
        ends: vec![2],
        beams,
        length_penalty: 1.0,
        early_stopping: EarlyStopping::Heuristic,
        no_repeat_ngram: 0,
        bad_words: Vec::new(),
        forced_first: None,
        forced_last: Some(2),
        renormalize: false,
        longest,
    }
}

fn written(networks: &Florence2, states: &Tensor, rules: &SearchRules) -> Vec<u32> {
    networks.write(states, rules, &mut |_, _| ControlFlow::Continue(())).unwrap()
}

/// The ids of a text as the reference has them, without the token that every text begins with.
fn reference_text(reference: &Reference, folder: &Path, name: &str) -> Vec<u32> {
    reference.integers(folder, name).into_iter().skip(1).map(|id| id as u32).collect()
}

/// The prompt of the case: what stands between the marks after the picture's tokens.
fn reference_prompt(reference: &Reference, folder: &Path) -> Vec<u32> {
    let ids: Vec<u32> = reference.integers(folder, "input_ids").into_iter().map(|id| id as u32).collect();
    let picture_tokens = reference.get("image_features").dims()[1];
    let sentence = &ids[picture_tokens..];
    assert_eq!((sentence.first(), sentence.last()), (Some(&0), Some(&2)));
    sentence[1..sentence.len() - 1].to_vec()
}

fn assert_close(name: &str, ours: &Tensor, wanted: &Tensor) {
    let largest = values(wanted).into_iter().map(f32::abs).fold(0.0, f32::max);
    let gap = gap(ours, wanted);
    println!("{name}: {:.1e} of the largest value", gap / largest);
    assert!(gap <= OF_VALUE * largest, "{name} differs by {gap}");
}

#[test]
fn the_picture_becomes_the_tokens_of_the_reference() {
    let folder = reference_folder().join("florence2");
    let (networks, reference) = (networks(&folder), Reference::open(&folder));
    let seen = networks.look(&reference.get("pixel_values")).unwrap();
    assert_close("picture tokens", &seen, &reference.get("image_features"));
}

#[test]
fn scores_of_every_step_are_those_of_the_reference() {
    let folder = reference_folder().join("florence2");
    let (networks, reference) = (networks(&folder), Reference::open(&folder));
    let seen = networks.look(&reference.get("pixel_values")).unwrap();
    let states = networks.read(&seen, &reference_prompt(&reference, &folder)).unwrap();
    let mut decoder = networks.text().decoder(&states).unwrap();
    let given = reference.integers(&folder, "decoder_input_ids");
    let steps: Vec<_> = given.iter().map(|&id| decoder.step(&[id as u32]).unwrap()).collect();
    let scores = Tensor::cat(&steps, 0).unwrap().unsqueeze(0).unwrap();
    assert_close("scores", &scores, &reference.get("logits"));
}

#[test]
fn greedy_and_beam_search_write_the_tokens_of_the_reference() {
    let folder = reference_folder().join("florence2");
    let (networks, reference) = (networks(&folder), Reference::open(&folder));
    let seen = networks.look(&reference.get("pixel_values")).unwrap();
    let states = networks.read(&seen, &reference_prompt(&reference, &folder)).unwrap();
    for (name, beams) in [("greedy", 1), ("beam3", 3)] {
        let ours = written(&networks, &states, &case_rules(beams, 20));
        assert_eq!(ours, reference_text(&reference, &folder, name), "{name}");
    }
}

#[test]
fn every_rule_of_the_search_gives_the_tokens_of_the_reference() {
    // Computed once with transformers 5.23 from the checkpoint in tests/reference: `generate` with these settings,
    // the picture of the case and these prompts.
    let folder = repository().join("tests/reference/florence2");
    let (networks, reference) = (networks(&folder), Reference::open(&folder));
    let seen = networks.look(&reference.get("pixel_values")).unwrap();
    let check = |prompt: &[u32], rules: SearchRules, wanted: &[u32]| {
        let states = networks.read(&seen, prompt).unwrap();
        assert_eq!(written(&networks, &states, &rules), wanted, "{rules:?}");
    };
    let usual = [11, 42, 7, 99];
    let greedy = SearchRules { no_repeat_ngram: 2, forced_first: Some(0), ..case_rules(1, 16) };
    check(&usual, greedy, &[0, 248, 248, 101, 101, 291, 291, 220, 220, 248, 249, 249, 101, 228, 228, 2]);
    let florence = SearchRules {
        no_repeat_ngram: 3,
        forced_first: Some(0),
        early_stopping: EarlyStopping::Full,
        ..case_rules(3, 20)
    };
    check(&usual, florence.clone(), &[0, 26, 26, 26, 63, 63, 63, 2]);
    let bad = SearchRules { bad_words: vec![vec![26], vec![26, 26], vec![2]], ..florence.clone() };
    check(&usual, bad, &[0, 9, 9, 9, 63, 63, 63, 2]);
    let bad = SearchRules { bad_words: vec![vec![26, 26], vec![9, 9, 9], vec![2]], ..florence };
    let wanted = [0, 248, 248, 101, 101, 101, 102, 166, 166, 166, 164, 164, 164, 166, 166, 58, 58, 58, 23, 2];
    check(&usual, bad, &wanted);
    let other = [5, 6, 200];
    let long = SearchRules {
        length_penalty: 2.0,
        early_stopping: EarlyStopping::Never,
        no_repeat_ngram: 2,
        ..case_rules(4, 24)
    };
    let wanted = [
        188, 188, 164, 164, 131, 44, 44, 166, 166, 118, 118, 140, 140, 244, 244, 27, 187, 187, 138, 210, 210,
        81, 81, 2,
    ];
    check(&other, long, &wanted);
    check(&other, SearchRules { length_penalty: -1.0, ..case_rules(4, 24) }, &[2]);
    let ends = SearchRules { ends: vec![2, 164, 101], no_repeat_ngram: 2, ..case_rules(3, 24) };
    let wanted = [
        299, 299, 116, 116, 69, 69, 131, 131, 161, 118, 118, 140, 140, 244, 244, 27, 187, 187, 138, 210, 210,
        81, 81, 2,
    ];
    check(&other, ends, &wanted);
    let flat = SearchRules { length_penalty: 0.0, early_stopping: EarlyStopping::Never, ..case_rules(5, 12) };
    check(&[250], flat, &[2]);
    let wanted = [
        299, 248, 160, 123, 62, 271, 102, 166, 284, 118, 11, 141, 177, 97, 298, 27, 187, 183, 249, 63, 69,
        287, 56, 55, 23, 58, 260, 169, 116, 2,
    ];
    check(&[250, 251, 8], SearchRules { no_repeat_ngram: 1, ..case_rules(2, 30) }, &wanted);
    let endless = SearchRules { no_repeat_ngram: 3, forced_last: None, ..case_rules(3, 7) };
    check(&[77, 12, 13, 14, 15], endless, &[299, 299, 299, 183, 183, 187, 187]);
}

/// The name of a tensor in Microsoft's files for its name in those of transformers.
fn microsofts_name(name: &str) -> String {
    let name = name.replace("model.language_model.", "language_model.model.");
    if let Some(rest) = name.strip_prefix("model.multi_modal_projector.") {
        return rest
            .replace("image_position_embed", "image_pos_embed")
            .replace("image_projection.weight", "image_projection");
    }
    let Some(rest) = name.strip_prefix("model.") else { return name };
    let attention = if rest.contains("channel_block") { "channel_attn" } else { "window_attn" };
    rest.replace(".conv.", ".proj.")
        .replace(".conv1.", ".conv1.fn.dw.")
        .replace(".conv2.", ".conv2.fn.dw.")
        .replace(".norm1.", &format!(".{attention}.norm."))
        .replace(".norm2.", ".ffn.norm.")
        .replace(".ffn.fc", ".ffn.fn.net.fc")
        .replace("_attn.qkv.", "_attn.fn.qkv.")
        .replace("_attn.proj.", "_attn.fn.proj.")
}

/// Writes the case in Microsoft's layout.
fn write_microsofts(from: &Path, to: &Path) {
    let file = SafetensorsFile::open(&from.join("model.safetensors")).unwrap();
    let (mut header, mut data) = (Map::new(), Vec::new());
    for name in file.entries().keys() {
        let mut tensor = file.tensor(name, &Device::Cpu).unwrap();
        if name.ends_with("image_projection.weight") {
            tensor = tensor.t().unwrap().contiguous().unwrap();
        }
        let begin = data.len();
        data.extend(values(&tensor).into_iter().flat_map(f32::to_le_bytes));
        let entry = json!({"dtype": "F32", "shape": tensor.dims(), "data_offsets": [begin, data.len()]});
        assert!(header.insert(microsofts_name(name), entry).is_none(), "{name} twice");
    }
    let header = Value::Object(header).to_string();
    let content = [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes(), &data].concat();
    std::fs::write(to.join("model.safetensors"), content).unwrap();

    let config: Value = serde_json::from_slice(&std::fs::read(from.join("config.json")).unwrap()).unwrap();
    let (mut text, mut vision) = (config["text_config"].clone(), config["vision_config"].clone());
    text["model_type"] = json!("florence2_language");
    let positions = vision["max_position_embeddings"].take();
    vision["dim_embed"] = vision["embed_dim"].take();
    vision["image_pos_embed"] = json!({"type": "learned_abs_2d", "max_pos_embeddings": positions});
    vision["visual_temporal_embedding"] = json!({"type": "COSINE", "max_temporal_embeddings": 20});
    vision["image_feature_source"] = json!(["spatial_avg_pool", "temporal_avg_pool"]);
    let config = json!({"model_type": "florence2", "text_config": text, "vision_config": vision});
    std::fs::write(to.join("config.json"), config.to_string()).unwrap();
}

#[test]
fn microsofts_layout_computes_the_same() {
    let folder = reference_folder().join("florence2");
    let reference = Reference::open(&folder);
    let microsofts = tempfile::tempdir().unwrap();
    write_microsofts(&folder, microsofts.path());
    let names = SafetensorsFile::open(&microsofts.path().join("model.safetensors")).unwrap();
    for name in [
        "vision_tower.convs.0.proj.weight",
        "vision_tower.blocks.2.1.spatial_block.window_attn.fn.qkv.weight",
        "vision_tower.blocks.2.1.channel_block.channel_attn.norm.bias",
        "vision_tower.blocks.0.0.channel_block.ffn.fn.net.fc1.weight",
        "image_projection",
        "image_pos_embed.row_embeddings.weight",
        "language_model.model.shared.weight",
    ] {
        assert!(names.entries().contains_key(name), "{name}");
    }
    let (ours, theirs) = (networks(&folder), networks(microsofts.path()));
    let picture = reference.get("pixel_values");
    let (seen, again) = (ours.look(&picture).unwrap(), theirs.look(&picture).unwrap());
    assert_eq!(values(&seen), values(&again));
    let states = theirs.read(&again, &reference_prompt(&reference, &folder)).unwrap();
    let text = written(&theirs, &states, &case_rules(3, 20));
    assert_eq!(text, reference_text(&reference, &folder, "beam3"));
}

/// The characters that stand for bytes in byte-pair vocabularies, in their order.
fn byte_characters() -> impl Iterator<Item = char> {
    (33..127).chain(161..173).chain(174..256).chain(256..324).filter_map(char::from_u32)
}

/// Writes a small vocabulary and merge list.
fn write_vocabulary(folder: &Path) {
    let marks = ["<s>", "<pad>", "</s>", "<unk>"].map(str::to_owned);
    let merged = ["Ġt", "he", "Ġthe", "in", "Ġd", "<mask>"].map(str::to_owned);
    let words = marks.into_iter().chain(byte_characters().map(String::from)).chain(merged);
    let vocabulary: Map<String, Value> = words.enumerate().map(|(id, word)| (word, json!(id))).collect();
    std::fs::write(folder.join("vocab.json"), Value::Object(vocabulary).to_string()).unwrap();
    std::fs::write(folder.join("merges.txt"), "#version: 0.2\nĠ t\nh e\nĠt he\ni n\nĠ d\n").unwrap();
}

/// A copy of the case in the repository with a tokenizer, a processor and the rules of published models.
fn whole_model(change: impl Fn(&Path)) -> tempfile::TempDir {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("captions");
    copy_folder(&repository().join("tests/reference/florence2"), &folder);
    write_vocabulary(&folder);
    let processor = json!({
        "image_processor_type": "CLIPImageProcessor", "do_center_crop": false, "do_resize": true,
        "resample": 3, "size": {"height": 64, "width": 64}
    });
    std::fs::write(folder.join("preprocessor_config.json"), processor.to_string()).unwrap();
    // Tokens that the small vocabulary lacks are ruled out.
    let bad: Vec<_> = (266..300).chain([2]).map(|id| json!([id])).collect();
    let generation = json!({
        "bos_token_id": 0, "decoder_start_token_id": 2, "eos_token_id": 2, "forced_bos_token_id": 0,
        "forced_eos_token_id": 2, "early_stopping": true, "no_repeat_ngram_size": 3, "num_beams": 3,
        "pad_token_id": 1, "max_new_tokens": 24, "bad_words_ids": bad
    });
    std::fs::write(folder.join("generation_config.json"), generation.to_string()).unwrap();
    change(&folder);
    outer
}

fn captioner(outer: &tempfile::TempDir) -> CaptionModel {
    let layout = CaptionLayout::read(&outer.path().join("captions")).unwrap().unwrap();
    CaptionModel::load(&layout, &Device::Cpu).unwrap()
}

fn refusal(outer: &tempfile::TempDir) -> String {
    CaptionLayout::read(&outer.path().join("captions")).err().expect("it was accepted").to_string()
}

#[test]
fn captions_are_those_of_the_whole_reference_pipeline() {
    // Computed once with Pillow and transformers 5.23: the picture resized bicubically to 64x64 and centred, the
    // prompt through RobertaTokenizer with this vocabulary, `generate`, and `decode` without special tokens.
    let model = captioner(&whole_model(|_| ()));
    let picture = patterned_picture(90, 50);
    let lost = "\u{FFFD}";
    let caption = format!("777{}WWW444{lost}4", lost.repeat(11));
    for (task, wanted) in [(Task::Caption, caption.as_str()), (Task::MoreDetailedCaption, r"777\\\")] {
        let ours = model.caption(&picture, task, &mut |_, _| ControlFlow::Continue(())).unwrap();
        assert_eq!(ours, wanted, "{task:?}");
    }
}

#[test]
fn prompts_are_tokenized_as_by_the_reference() {
    // Computed once with transformers 5.23, RobertaTokenizer with this vocabulary.
    let folder = tempfile::tempdir().unwrap();
    write_vocabulary(folder.path());
    let tokenizer = FlorenceTokenizer::load(folder.path(), 300).unwrap();
    let cases: [(&str, &[u32]); 5] = [
        (
            "What does the image describe?",
            &[
                58, 75, 68, 87, 264, 82, 72, 86, 262, 224, 76, 80, 68, 74, 72, 264, 72, 86, 70, 85, 76, 69,
                72, 34,
            ],
        ),
        (
            "the theatre, in  the rain's é 42",
            &[
                87, 261, 262, 68, 87, 85, 72, 15, 224, 263, 224, 262, 224, 85, 68, 263, 10, 86, 224, 131,
                106, 224, 23, 21,
            ],
        ),
        ("🦊 don't", &[176, 257, 103, 236, 264, 82, 81, 10, 87]),
        ("", &[]),
        ("<GENERATE_TAGS>", &[31, 42, 40, 49, 40, 53, 36, 55, 40, 66, 55, 36, 42, 54, 33]),
    ];
    for (text, ids) in cases {
        assert_eq!(tokenizer.encode(text).unwrap(), ids, "{text}");
        assert_eq!(tokenizer.decode(ids).unwrap(), text, "{ids:?}");
    }
}

#[test]
fn marks_follow_the_vocabulary_and_are_left_out_of_answers() {
    let folder = tempfile::tempdir().unwrap();
    write_vocabulary(folder.path());
    // Microsoft's vocabulary of 51289 is BART's 50265 and these 1024.
    let tokenizer = FlorenceTokenizer::load(folder.path(), 266 + 1024).unwrap();
    let place = |n: u32| 266 + 4 + n;
    assert_eq!(tokenizer.encode("<od><loc_0><loc_999><and>").unwrap(), [266, place(0), place(999), 1289]);
    let word = |text: &str| tokenizer.encode(text).unwrap();
    let ids = [
        vec![0],
        word("red fox"),
        vec![place(1), place(20), place(300), place(999)],
        word("tree"),
        vec![place(0); 4],
        word("red fox"),
        vec![place(7); 4],
        vec![2],
    ]
    .concat();
    assert_eq!(tokenizer.object_names(&ids).unwrap(), "red fox, tree");
    assert_eq!(tokenizer.decode(&ids).unwrap(), "red foxtreered fox");
    assert_eq!(tokenizer.object_names(&[0, 2]).unwrap(), "");
}

#[test]
fn the_caller_hears_of_progress_and_can_stop_before_and_within_the_text() {
    let model = captioner(&whole_model(|_| ()));
    let picture = patterned_picture(20, 20);
    let mut heard = Vec::new();
    model
        .caption(&picture, Task::Caption, &mut |done, most| {
            heard.push((done, most));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(heard[..3], [(0, 24), (0, 24), (1, 24)]);
    for stop_at in [0, 1, 5] {
        let error = model.caption(&picture, Task::Caption, &mut |done, _| {
            if done == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(error, Err(VisionError::Cancelled), "at {stop_at}");
    }
}

#[test]
fn prompt_gen_models_are_told_by_their_name_and_know_more_tasks() {
    let plain = whole_model(|_| ());
    let named = whole_model(|folder| {
        set_in_file(
            &folder.join("config.json"),
            "_name_or_path",
            json!("MiaoshouAI/Florence-2-base-PromptGen-v2.0"),
        );
    });
    for place in ["Florence-2-PromptGen-v1.5", "models--M--Florence-2-large-PromptGen-v2.0/snapshots/4ac2"] {
        let moved = plain.path().join(place);
        copy_folder(&plain.path().join("captions"), &moved);
        assert_eq!(CaptionLayout::read(&moved).unwrap().unwrap().teaching, Teaching::PromptGen, "{place}");
    }
    let (plain, named) = (captioner(&plain), captioner(&named));
    let going = &mut |_: usize, _: usize| ControlFlow::Continue(());
    let picture = patterned_picture(20, 20);
    for task in [Task::Analysis, Task::MixedCaption, Task::MixedCaptionPlus] {
        assert!(named.knows(task) && !plain.knows(task), "{task:?}");
        assert_eq!(plain.caption(&picture, task, going), Err(VisionError::UnknownTask(task)));
        named.caption(&picture, task, going).unwrap();
    }
    // The same weights, but asked in other words.
    for model in [&plain, &named] {
        assert!(model.knows(Task::Tags) && model.knows(Task::ReadText));
        model.caption(&picture, Task::Tags, going).unwrap();
    }
}

#[test]
fn pictures_of_any_shape_are_captioned_and_broken_ones_refused() {
    let model = captioner(&whole_model(|_| ()));
    let going = &mut |_: usize, _: usize| ControlFlow::Continue(());
    for (width, height) in [(1, 1), (2000, 3), (1, 500)] {
        model.caption(&patterned_picture(width, height), Task::Caption, going).unwrap();
    }
    let mut torn = patterned_picture(4, 4);
    torn.rgb.pop();
    for picture in [patterned_picture(0, 0), torn] {
        let error = model.caption(&picture, Task::Caption, going).unwrap_err();
        assert!(matches!(error, VisionError::BadPicture(_)), "{error}");
    }
}

#[test]
fn a_layout_tells_its_files_and_sizes_without_reading_weights() {
    let outer = whole_model(|_| ());
    let layout = CaptionLayout::read(&outer.path().join("captions")).unwrap().unwrap();
    let names: Vec<_> = layout.files().into_iter().map(|f| f.file_name().unwrap().to_owned()).collect();
    let wanted = [
        "config.json",
        "generation_config.json",
        "preprocessor_config.json",
        "vocab.json",
        "merges.txt",
        "model.safetensors",
    ];
    assert_eq!(names, wanted);
    assert_eq!((layout.picture_size, layout.rules.beams, layout.rules.longest), ((64, 64), 3, 24));
    let size = std::fs::metadata(outer.path().join("captions/model.safetensors")).unwrap().len();
    assert!((size * 9 / 10..size).contains(&layout.weight_bytes()), "{}", layout.weight_bytes());
    assert!(layout.activation_bytes() > 16 * 16 * 16 * 4);
    for other in ["sd15", "depth-anything-v2"] {
        assert!(CaptionLayout::read(&repository().join("tests/reference").join(other)).unwrap().is_none());
    }
}

#[test]
fn a_missing_or_foreign_tokenizer_is_reported() {
    let without = whole_model(|folder| std::fs::remove_file(folder.join("merges.txt")).unwrap());
    assert!(refusal(&without).contains("has neither `tokenizer.json`"));
    let large = whole_model(|folder| {
        let words: Map<String, Value> = (0..400).map(|id| (format!("w{id}"), json!(id))).collect();
        std::fs::write(folder.join("vocab.json"), Value::Object(words).to_string()).unwrap();
        std::fs::write(folder.join("merges.txt"), "").unwrap();
    });
    let layout = CaptionLayout::read(&large.path().join("captions")).unwrap().unwrap();
    let error = CaptionModel::load(&layout, &Device::Cpu).err().unwrap().to_string();
    assert!(error.contains("has 400 tokens, the text model knows 300"), "{error}");
    let torn =
        whole_model(|folder| std::fs::write(folder.join("tokenizer.json"), "{\"version\": 1").unwrap());
    let layout = CaptionLayout::read(&torn.path().join("captions")).unwrap().unwrap();
    let error = CaptionModel::load(&layout, &Device::Cpu).err().unwrap().to_string();
    assert!(error.contains("tokenizer.json: is not a tokenizer"), "{error}");
}

#[test]
fn settings_that_would_change_the_mathematics_are_refused_by_file_and_key() {
    let config = "config.json";
    for (file, section, key, value) in [
        (config, "text_config", "activation_function", json!("relu")),
        (config, "text_config", "d_model", json!(0)),
        (config, "text_config", "vocab_size", json!(1_u64 << 40)),
        (config, "text_config", "decoder_attention_heads", json!(5)),
        (config, "text_config", "tie_word_embeddings", json!(false)),
        (config, "text_config", "encoder_layers", json!(100_000)),
        (config, "vision_config", "num_heads", json!([2, 4, 5, 8])),
        (config, "vision_config", "num_groups", json!([2, 4])),
        (config, "vision_config", "embed_dim", json!([])),
        (config, "vision_config", "patch_stride", json!([4, 2, 0, 2])),
        (config, "vision_config", "patch_padding", json!([3, 1, 1, -1])),
        (config, "vision_config", "patch_prenorm", json!([false])),
        (config, "vision_config", "window_size", json!(0)),
        (config, "vision_config", "mlp_ratio", json!(1e9)),
        (config, "vision_config", "projection_dim", json!(64)),
        (config, "vision_config", "image_feature_source", json!(["last_frame"])),
        ("preprocessor_config.json", "size", "height", json!(1_000_000)),
        ("generation_config.json", "", "num_beams", json!(1000)),
        ("generation_config.json", "", "repetition_penalty", json!(2.0)),
    ] {
        let outer = whole_model(|folder| {
            let path = folder.join(file);
            if section.is_empty() {
                set_in_file(&path, key, value.clone());
            } else {
                let whole: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                let mut part = whole[section].clone();
                part[key] = value.clone();
                set_in_file(&path, section, part);
            }
        });
        let message = refusal(&outer);
        assert!(message.contains(file) && message.contains(key), "{section} {key}: {value}: {message}");
    }
}

#[test]
fn pictures_that_give_more_tokens_than_the_model_has_positions_for_are_refused_when_it_is_read() {
    for (size, hint) in [(704, "22x22 tokens"), (512, "257 tokens, the text model reads 256")] {
        let outer = whole_model(|folder| {
            let path = folder.join("preprocessor_config.json");
            set_in_file(&path, "size", json!({"height": size, "width": size}));
        });
        let message = refusal(&outer);
        assert!(message.contains("`size`") && message.contains(hint), "{message}");
    }
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_refused_with_both_shapes() {
    let outer = whole_model(|folder| {
        let path = folder.join("config.json");
        let config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut text = config["text_config"].clone();
        text["encoder_ffn_dim"] = json!(128);
        set_in_file(&path, "text_config", text);
    });
    let layout = CaptionLayout::read(&outer.path().join("captions")).unwrap().unwrap();
    let error = CaptionModel::load(&layout, &Device::Cpu).err().unwrap().to_string();
    assert!(error.contains("[128") && error.contains("[64"), "{error}");
}
