//! ControlNet: what diffusers computes with one, and when it takes part in a run.

use std::sync::Arc;

use candle_core::Device;
use qpyt_inference::diffusion::control_layout::ControlLayout;
use qpyt_inference::diffusion::pipeline::{Course, Steering};

use crate::additions::Addition;

/// The case's control at the weight of its run.
fn steering(case: &Addition) -> Steering {
    let layout = ControlLayout::read(&case.folder).unwrap().expect("the folder is no ControlNet");
    case.base.takes(&layout.config).unwrap();
    Steering {
        net: Arc::new(layout.load(&Device::Cpu).unwrap()),
        picture: case.reference.get("control").permute((0, 3, 1, 2)).unwrap().contiguous().unwrap(),
        weight: case.runs()[0]["controlnet_conditioning_scale"].as_f64().unwrap(),
        start: 0.0,
        end: 1.0,
    }
}

#[test]
fn a_run_with_a_control_follows_the_reference_step_by_step() {
    for name in ["sd15-controlnet", "sdxl-controlnet"] {
        let case = Addition::open(name);
        case.check_steered(&case.runs()[0], name, &[steering(&case)]);
    }
}

#[test]
fn several_controls_add_up() {
    let case = Addition::open("sd15-controlnet");
    let whole = steering(&case);
    let share = |share: f64| Steering { weight: whole.weight * share, ..whole.clone() };
    let out_of_use = Steering { start: 0.9, end: 0.95, ..whole.clone() };
    let controls = [share(0.25), share(0.0), out_of_use, share(0.75)];
    case.check_steered(&case.runs()[0], "several", &controls);
}

#[test]
fn a_control_takes_part_in_the_calls_that_lie_between_start_and_end() {
    let case = Addition::open("sd15-controlnet");
    let acting = |start: f64, end: f64, calls: usize| -> Vec<usize> {
        let steering = Steering { start, end, ..steering(&case) };
        (0..calls).filter(|call| steering.acts_in(Course { call: *call, calls, step: *call })).collect()
    };
    assert_eq!(acting(0.0, 1.0, 4), [0, 1, 2, 3]);
    assert_eq!(acting(0.0, 0.5, 4), [0, 1]);
    assert_eq!(acting(0.25, 0.8, 4), [1, 2]);
    assert_eq!(acting(0.3, 0.8, 4), [2]);
    assert_eq!(acting(0.5, 0.5, 4), Vec::<usize>::new());
}
