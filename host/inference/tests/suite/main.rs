//! Tests of the inference crate through its public interface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

mod adapters;
mod additions;
mod beam;
mod bitsandbytes;
mod chat;
mod controlnet;
mod depth;
mod devices;
mod embeddings;
mod emoji;
mod engine;
mod families;
mod florence2;
mod flow;
mod flow_engine;
mod flow_models;
mod flux;
mod flux2;
mod gguf;
mod inpainting;
mod lora;
mod lora_files;
mod models;
mod original_layouts;
mod original_names;
mod painting_additions;
mod part_files;
mod pickled;
mod pixels;
mod prompts;
mod published_files;
mod reference;
mod safetensors;
mod sampler_cases;
mod scanning;
mod schedules;
mod sd3;
mod sdxl;
mod single_files;
mod small_model;
mod stored_weights;
mod support;
mod transformer_adapters;
mod translate;
mod unet_case;
mod upscale;
mod vision;
mod weight_formats;
