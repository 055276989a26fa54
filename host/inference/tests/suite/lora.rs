//! Adapters: what diffusers computes with them, in both of its layouts, and that they leave nothing behind.

use qpyt_inference::adapter::{Lora, blend};
use qpyt_inference::slots::Slots;
use serde_json::Value;

use crate::additions::Addition;
use crate::support::values;

/// The adapters were made with alpha twice the rank, which their diffusers layout does not say.
const LAYOUTS: [(&str, f64); 2] = [("kohya", 1.0), ("diffusers", 2.0)];

fn slots(case: &Addition) -> &Slots {
    case.base.slots().unwrap()
}

/// The adapters of a run in a layout, with their strengths.
fn adapters(case: &Addition, run: &Value, (layout, factor): (&str, f64)) -> Vec<(Lora, f64)> {
    let Some(asked) = run["adapters"].as_object() else { return Vec::new() };
    let adapter = |name: &String| case.adapter(&format!("{name}.{layout}.safetensors"));
    asked.iter().map(|(name, weight)| (adapter(name), weight.as_f64().unwrap() * factor)).collect()
}

fn put(case: &Addition, adapters: &[(Lora, f64)]) {
    let borrowed: Vec<_> = adapters.iter().map(|(lora, strength)| (lora, *strength)).collect();
    for blended in blend(slots(case), &borrowed).unwrap() {
        assert_eq!(blended.misfits, Vec::<String>::new());
        assert!(blended.layers > 50, "only {} layers", blended.layers);
    }
}

#[test]
fn every_run_with_adapters_follows_the_reference_in_both_layouts() {
    for name in ["sd15-lora", "sdxl-lora"] {
        let case = Addition::open(name);
        for layout in LAYOUTS {
            for run in case.runs() {
                put(&case, &adapters(&case, run, layout));
                case.check(run, &format!("{name} {}", layout.0));
            }
        }
    }
}

#[test]
fn an_adapter_that_was_taken_out_leaves_nothing_behind() {
    let case = Addition::open("sd15-lora");
    let states = || values(&case.base.encode_prompt("red fox", 0).unwrap().states);
    let before = states();
    let run = &case.runs()[0];
    put(&case, &adapters(&case, run, LAYOUTS[0]));
    slots(&case).clear();
    assert_eq!(states(), before);
    case.check(case.runs().last().unwrap(), "after another");
}
