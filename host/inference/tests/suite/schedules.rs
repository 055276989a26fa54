//! Timesteps and noise levels against numbers that diffusers prints.

use std::path::Path;

use candle_core::{Device, Tensor};
use qpyt_inference::diffusion::noise::TorchGenerator;
use qpyt_inference::diffusion::samplers::{FlowScheduler, Ramp, Sampler, SamplerChoice, SchedulerConfig};
use qpyt_inference::weights::ConfigFile;
use qpyt_inference::{SamplerId, ScheduleId};
use serde_json::{Value, json};

use crate::support::gap;

/// Stable Diffusion's noise table with a scheduler class and settings.
fn config(class: &str, settings: Value) -> SchedulerConfig {
    let mut all = json!({
        "_class_name": class, "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear"
    });
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    SchedulerConfig::read(&ConfigFile::parse(Path::new("scheduler_config.json"), &all.to_string()).unwrap())
        .unwrap()
}

fn own(class: &str, settings: Value, steps: usize) -> Box<dyn Sampler> {
    let config = config(class, settings);
    config.sampler.prepare(&config, ScheduleId::Normal, steps).unwrap()
}

fn assert_close(ours: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), wanted.len(), "{ours:?}");
    for (a, b) in ours.iter().zip(wanted) {
        assert!((a - b).abs() <= tolerance, "{ours:?} is not {wanted:?}");
    }
}

#[test]
fn trailing_steps_that_do_not_divide_the_table_are_rounded_and_keep_their_number() {
    let sampler = own("DDIMScheduler", json!({"timestep_spacing": "trailing"}), 6);
    assert_eq!(sampler.schedule().timesteps, [999.0, 832.0, 666.0, 499.0, 332.0, 166.0]);
    for steps in 1..=1000 {
        let timesteps = own("DDIMScheduler", json!({"timestep_spacing": "trailing"}), steps);
        let timesteps = &timesteps.schedule().timesteps;
        assert_eq!(timesteps.len(), steps);
        assert!(timesteps.windows(2).all(|w| w[0] > w[1]) && timesteps[steps - 1] >= 0.0, "{steps}");
    }
}

#[test]
fn leading_steps_are_multiples_plus_the_offset() {
    let sampler = own("DDIMScheduler", json!({"steps_offset": 1}), 5);
    assert_eq!(sampler.schedule().timesteps, [801.0, 601.0, 401.0, 201.0, 1.0]);
}

#[test]
fn ten_karras_steps_of_a_dpm_solver_are_those_of_diffusers() {
    let sampler = own("DPMSolverMultistepScheduler", json!({"use_karras_sigmas": true}), 10);
    let timesteps = [999.0, 916.0, 815.0, 687.0, 523.0, 327.0, 146.0, 41.0, 7.0, 0.0];
    assert_eq!(sampler.schedule().timesteps, timesteps);
    let sigmas = [14.6146, 9.1029, 5.4784, 3.1686, 1.7494, 0.9141, 0.4469, 0.2014, 0.0819, 0.0292];
    assert_close(&sampler.schedule().sigmas, &sigmas, 5e-5);
}

#[test]
fn the_first_noise_is_scaled_by_the_largest_sigma_or_by_its_variance_with_the_picture() {
    let linspace = own("EulerDiscreteScheduler", json!({}), 10);
    assert!((linspace.schedule().initial_scale - 14.6146).abs() < 5e-5);
    let leading = own("EulerDiscreteScheduler", json!({"timestep_spacing": "leading"}), 10);
    let largest = leading.schedule().sigmas[0];
    assert!((leading.schedule().initial_scale - (largest * largest + 1.0).sqrt()).abs() < 1e-12);
    assert_eq!(own("DDIMScheduler", json!({}), 10).schedule().initial_scale, 1.0);
}

#[test]
fn methods_of_order_two_call_the_network_twice_but_at_the_last_step() {
    for class in ["HeunDiscreteScheduler", "KDPM2DiscreteScheduler"] {
        let sampler = own(class, json!({}), 6);
        assert_eq!((sampler.schedule().timesteps.len(), sampler.calls_per_step()), (11, 2), "{class}");
    }
    assert_eq!(own("PNDMScheduler", json!({"skip_prk_steps": true}), 6).schedule().timesteps.len(), 7);
}

#[test]
fn sigmas_fall_in_every_sampler_and_schedule_for_any_number_of_steps() {
    let config = config("DDIMScheduler", json!({"steps_offset": 1, "clip_sample": false}));
    for &sampler in SamplerId::ALL {
        for &schedule in sampler.schedules() {
            for steps in [1, 2, 3, 7, 20, 50] {
                let prepared = sampler.prepare(&config, schedule, steps).unwrap();
                let NoiseLevels { sigmas, timesteps } = NoiseLevels::of(prepared.as_ref());
                let name = format!("{sampler}, {schedule}, {steps}");
                assert_eq!(sigmas.len(), timesteps.len(), "{name}");
                assert!(sigmas.windows(2).all(|w| w[0] >= w[1]), "{name}: {sigmas:?}");
                assert!(sigmas.iter().chain(&timesteps).all(|v| v.is_finite() && *v >= 0.0), "{name}");
            }
        }
    }
}

struct NoiseLevels {
    sigmas: Vec<f64>,
    timesteps: Vec<f64>,
}

impl NoiseLevels {
    fn of(sampler: &dyn Sampler) -> Self {
        let schedule = sampler.schedule();
        Self { sigmas: schedule.sigmas.clone(), timesteps: schedule.timesteps.clone() }
    }
}

#[test]
fn a_zero_terminal_table_ends_in_pure_noise() {
    let config =
        config("DDIMScheduler", json!({"rescale_betas_zero_snr": true, "prediction_type": "v_prediction"}));
    assert_eq!(config.table.product(999.0), 0.0);
    assert!((config.table.product(0.0) - 0.99915).abs() < 1e-6);
    let sampler = SamplerId::Ddim.prepare(&config, ScheduleId::Trailing, 4).unwrap();
    assert_eq!(sampler.schedule().denoising_weights(sampler.schedule().sigma(0)), (0.0, -1.0));
}

#[test]
fn identifiers_are_read_back_and_unknown_ones_list_what_there_is() {
    for &id in SamplerId::ALL {
        assert_eq!(id.as_str().parse::<SamplerId>().unwrap(), id);
        assert!(!id.label().is_empty() && id.schedules().contains(&ScheduleId::Normal));
    }
    assert!("dpm++".parse::<SamplerId>().unwrap_err().contains("dpmpp-2m, "));
}

#[test]
fn samplers_go_by_the_names_that_other_programs_give_them() {
    for (name, sampler, schedule) in [
        ("DPM++ 2M Karras", SamplerId::DpmPp2m, Some(ScheduleId::Karras)),
        ("dpmpp_2m_sde", SamplerId::DpmPp2mSde, None),
        ("DPM++ 2M SDE Exponential", SamplerId::DpmPp2mSde, Some(ScheduleId::Exponential)),
        ("DPM++ SDE Karras", SamplerId::DpmPpSde, Some(ScheduleId::Karras)),
        ("Euler a", SamplerId::EulerAncestral, None),
        ("k_euler_a", SamplerId::EulerAncestral, None),
        ("euler_ancestral", SamplerId::EulerAncestral, None),
        ("DPM2 a Karras", SamplerId::Dpm2Ancestral, Some(ScheduleId::Karras)),
        ("dpm_2_ancestral", SamplerId::Dpm2Ancestral, None),
        ("KDPM2", SamplerId::Dpm2, None),
        ("uni_pc_bh2", SamplerId::UniPc, None),
        ("PLMS", SamplerId::Pndm, None),
        ("Euler SGM Uniform", SamplerId::Euler, Some(ScheduleId::SgmUniform)),
        ("Euler Automatic", SamplerId::Euler, Some(ScheduleId::Normal)),
    ] {
        assert_eq!(SamplerId::by_any_name(name), Ok((sampler, schedule)), "{name}");
    }
    assert_eq!(ScheduleId::by_any_name("sgm_uniform"), Ok(ScheduleId::SgmUniform));
    assert_eq!(ScheduleId::by_any_name("Beta"), Ok(ScheduleId::Beta));
    assert!(SamplerId::by_any_name("DPM++ 9S").unwrap_err().contains("dpmpp-2m, "));
    assert!(ScheduleId::by_any_name("karas").unwrap_err().contains("karras, "));
}

#[test]
fn ddim_goes_by_any_noise_levels_as_eulers_method_in_the_ratio_of_noise_to_picture() {
    let start = [-1.5f32, -0.5, 0.5, 1.5];
    // What a network makes of the sample that it is shown.
    let network = |input: f64, timestep: f64| input * timestep / (timestep + 200.0);
    for prediction in ["epsilon", "v_prediction"] {
        let config = config("DDIMScheduler", json!({"clip_sample": false, "prediction_type": prediction}));
        for schedule in [
            ScheduleId::Karras,
            ScheduleId::Exponential,
            ScheduleId::Beta,
            ScheduleId::SgmUniform,
            ScheduleId::Simple,
        ] {
            let euler = SamplerId::Euler.prepare(&config, schedule, 9).unwrap();
            let NoiseLevels { sigmas, timesteps } = NoiseLevels::of(euler.as_ref());
            let mut ddim = SamplerId::Ddim.prepare(&config, schedule, 9).unwrap();
            assert_eq!(ddim.schedule().sigmas, sigmas, "{schedule}");

            // Of the sample divided by its share of the picture, the noise is the slope.
            let levels: Vec<f64> = sigmas.iter().copied().chain([0.0]).collect();
            let wanted = start.map(|noise| {
                let mut ratio = f64::from(noise) * (levels[0] * levels[0] + 1.0).sqrt();
                for (pair, timestep) in levels.windows(2).zip(&timesteps) {
                    let scale = (pair[0] * pair[0] + 1.0).sqrt();
                    let input = ratio / scale;
                    let output = network(input, *timestep);
                    let slope = match prediction {
                        "epsilon" => output,
                        _ => (output + pair[0] * input) / scale,
                    };
                    ratio += (pair[1] - pair[0]) * slope;
                }
                ratio
            });

            let mut sample = Tensor::new(&start, &Device::Cpu).unwrap();
            for (index, timestep) in timesteps.iter().enumerate() {
                let factor = network(1.0, *timestep);
                let output = (ddim.schedule().model_input(&sample, index).unwrap() * factor).unwrap();
                sample = ddim.step(index, &sample, &output, &mut TorchGenerator::new(0)).unwrap();
            }
            for (ours, wanted) in sample.to_vec1::<f32>().unwrap().into_iter().zip(wanted) {
                let gap = (f64::from(ours) - wanted).abs();
                assert!(
                    gap <= 1e-4 * wanted.abs().max(0.1),
                    "{prediction}, {schedule}: {ours} is not {wanted}"
                );
            }
        }
    }
}

#[test]
fn lcm_follows_every_schedule_over_the_timesteps_that_networks_are_distilled_at() {
    let config = config("LCMScheduler", json!({}));
    let timesteps = |schedule, steps| {
        SamplerId::Lcm.prepare(&config, schedule, steps).unwrap().schedule().timesteps.clone()
    };
    assert_eq!(timesteps(ScheduleId::Normal, 4), [999.0, 759.0, 499.0, 259.0]);
    assert_eq!(timesteps(ScheduleId::SgmUniform, 4), timesteps(ScheduleId::Normal, 4));
    for &schedule in ScheduleId::ALL {
        for steps in [1, 4, 8, 50] {
            let timesteps = timesteps(schedule, steps);
            assert_eq!(timesteps.len(), steps, "{schedule}");
            assert!(
                timesteps.iter().all(|t| (t + 1.0) % 20.0 == 0.0 && *t >= 19.0),
                "{schedule}: {timesteps:?}"
            );
        }
    }
    assert_eq!(SamplerId::Lcm.prepare(&config, ScheduleId::Karras, 51).err().unwrap().field, "steps");
}

#[test]
fn schedules_that_come_from_comfyui_are_laid_out_as_there() {
    let config = config("EulerDiscreteScheduler", json!({}));
    // ComfyUI goes between two noise levels of the table in their logarithms, diffusers and we straight.
    for (schedule, steps, wanted) in [
        (ScheduleId::Simple, 6, vec![14.61465, 5.96313, 2.91831, 1.61289, 0.93236, 0.49241]),
        (ScheduleId::SgmUniform, 6, vec![14.61465, 5.9489, 2.91831, 1.61558, 0.93236, 0.49355]),
        (ScheduleId::Simple, 7, vec![14.61465, 6.70163, 3.5282, 2.06167, 1.27624, 0.79006, 0.43806]),
        (ScheduleId::SgmUniform, 7, vec![14.61465, 6.678, 3.52206, 2.06064, 1.27683, 0.79126, 0.43967]),
    ] {
        let sampler = SamplerId::Euler.prepare(&config, schedule, steps).unwrap();
        for (ours, wanted) in sampler.schedule().sigmas.iter().zip(&wanted) {
            assert!((ours / wanted - 1.0).abs() < 1e-4, "{schedule}: {ours} is not {wanted}");
        }
    }
    let scheduler = flow(json!({"shift": 3.0}));
    for (schedule, wanted) in [
        (ScheduleId::Simple, vec![1.0, 0.947717, 0.882716, 0.800373, 0.69268, 0.545802, 0.333593]),
        (ScheduleId::SgmUniform, vec![1.0, 0.947543, 0.882788, 0.800837, 0.693793, 0.548046, 0.337972]),
    ] {
        let choice = SamplerChoice { rule: None, schedule, steps: 7 };
        for ramp in [Ramp::Table, Ramp::Reciprocal] {
            let sampler = scheduler.prepare(choice, ramp, 0.0).unwrap();
            assert_close(&sampler.schedule().sigmas, &wanted, 1e-5);
        }
    }
}

/// The scheduler of a flow model with settings.
fn flow(settings: Value) -> FlowScheduler {
    let mut all = json!({"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    FlowScheduler::read(&ConfigFile::parse(Path::new("scheduler_config.json"), &all.to_string()).unwrap())
        .unwrap()
}

fn steps(steps: usize) -> SamplerChoice {
    SamplerChoice { rule: None, schedule: ScheduleId::Normal, steps }
}

#[test]
fn a_constant_shift_of_a_flow_works_twice_on_the_table_as_in_diffusers() {
    let sampler = flow(json!({"shift": 3.0})).prepare(steps(4), Ramp::Table, 0.0).unwrap();
    assert_close(&sampler.schedule().sigmas, &[1.0, 0.857_692, 0.602_151, 0.008_929], 1e-6);
    assert_close(&sampler.schedule().timesteps, &[1000.0, 857.692, 602.151, 8.929], 1e-3);
    let unshifted = flow(json!({})).prepare(steps(4), Ramp::Reciprocal, 0.0).unwrap();
    assert_close(&unshifted.schedule().sigmas, &[1.0, 0.75, 0.5, 0.25], 1e-7);
}

#[test]
fn a_shift_by_tokens_moves_the_steps_of_a_flow_towards_noise() {
    let scheduler = flow(json!({"use_dynamic_shifting": true}));
    assert!((scheduler.shift_for(256) - 0.5).abs() < 1e-12);
    assert!((scheduler.shift_for(4096) - 1.15).abs() < 1e-12);
    for (logarithm, sigmas) in
        [(2.291_180, [1.0, 0.967_38, 0.908_14, 0.767_20]), (2.030_690, [1.0, 0.958_09, 0.883_98, 0.717_50])]
    {
        let sampler = scheduler.prepare(steps(4), Ramp::Reciprocal, logarithm).unwrap();
        assert_close(&sampler.schedule().sigmas, &sigmas, 1e-5);
    }
}

#[test]
fn sigmas_of_a_flow_fall_from_one_in_every_rule_and_schedule() {
    for settings in
        [json!({"shift": 3.0}), json!({"use_dynamic_shifting": true}), json!({"use_karras_sigmas": true})]
    {
        let scheduler = flow(settings.clone());
        for &rule in SamplerId::ALL {
            for &schedule in FlowScheduler::SCHEDULES {
                for (steps, ramp) in
                    [(1, Ramp::Table), (1, Ramp::Reciprocal), (7, Ramp::Table), (50, Ramp::Table)]
                {
                    let choice = SamplerChoice { rule: Some(rule), schedule, steps };
                    let sampler = scheduler.prepare(choice, ramp, 1.0).unwrap();
                    let NoiseLevels { sigmas, timesteps } = NoiseLevels::of(sampler.as_ref());
                    let name = format!("{settings}, {rule}, {schedule}, {steps}");
                    assert!((sigmas[0] - 1.0).abs() < 2e-6, "{name}: {sigmas:?}");
                    assert!(sigmas.windows(2).all(|w| w[0] >= w[1] && w[1] > 0.0), "{name}: {sigmas:?}");
                    assert!(
                        sigmas.iter().zip(&timesteps).all(|(s, t)| (s * 1000.0 - t).abs() < 2e-3),
                        "{name}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_rule_follows_the_flow_of_normal_pictures_to_its_known_end() {
    // Pictures of mean 2 and deviation 0.5: the sample (1 - s) * 2 + d(s) * z flows from z to 2 + 0.5 z, where d(s)^2 is
    // the variance (0.5 (1 - s))^2 + s^2.
    let (mean, deviation) = (2.0, 0.5);
    let velocity = |sample: &Tensor, sigma: f64| {
        let share = 1.0 - sigma;
        let variance = (deviation * share).powi(2) + sigma * sigma;
        let slope = (sigma - deviation * deviation * share) / variance;
        (((sample - share * mean).unwrap() * slope).unwrap() - mean).unwrap()
    };
    let start = Tensor::new(&[-1.5f32, -0.5, 0.0, 1.0, 2.0], &Device::Cpu).unwrap();
    let end = ((&start * deviation).unwrap() + mean).unwrap();
    let error = |rule| {
        let choice = SamplerChoice { rule: Some(rule), schedule: ScheduleId::Normal, steps: 24 };
        let mut sampler = flow(json!({})).prepare(choice, Ramp::Reciprocal, 0.0).unwrap();
        let mut sample = start.clone();
        for index in 0..sampler.schedule().timesteps.len() {
            let output = velocity(&sample, sampler.schedule().timestep(index) / 1000.0);
            sample = sampler.step(index, &sample, &output, &mut TorchGenerator::new(0)).unwrap();
        }
        gap(&sample, &end)
    };
    let euler = error(SamplerId::Euler);
    assert!(euler < 0.1, "Euler ends {euler} away");
    assert_eq!(error(SamplerId::Ddim), euler, "DDIM is Euler's method here");
    for rule in [
        SamplerId::Heun,
        SamplerId::Lms,
        SamplerId::Pndm,
        SamplerId::Dpm2,
        SamplerId::DpmPp2m,
        SamplerId::DpmPpSde,
        SamplerId::UniPc,
    ] {
        assert!(error(rule) < euler / 3.0, "{rule} ends {} away, Euler {euler}", error(rule));
    }
}

/// A network whose output anyone can compute: the sample as it takes it, a little less of it at late times.
fn computable(input: &Tensor, timestep: f64) -> Tensor {
    (input * (timestep / (timestep + 200.0))).unwrap()
}

#[test]
fn ddim_along_a_curve_takes_the_steps_of_its_own_formula() {
    let config = config("DDIMScheduler", json!({"clip_sample": false}));
    for schedule in [ScheduleId::Karras, ScheduleId::Exponential, ScheduleId::Beta] {
        let mut sampler = SamplerId::Ddim.prepare(&config, schedule, 9).unwrap();
        let laid = sampler.schedule().clone();
        let products: Vec<f64> = laid.sigmas.iter().map(|sigma| 1.0 / (1.0 + sigma * sigma)).collect();
        let noise = Tensor::new(&[-1.5f32, -0.5, 0.5, 1.5], &Device::Cpu).unwrap();
        let mut sample = (&noise * laid.initial_scale).unwrap();
        let mut plain = laid.model_input(&sample, 0).unwrap();
        for index in 0..laid.timesteps.len() {
            let output = computable(&laid.model_input(&sample, index).unwrap(), laid.timestep(index));
            sample = sampler.step(index, &sample, &output, &mut TorchGenerator::new(0)).unwrap();
            // Equation 12 of the paper, in samples whose variance is kept.
            let (before, after) = (products[index], products.get(index + 1).copied().unwrap_or(1.0));
            let output = computable(&plain, laid.timestep(index));
            let picture =
                ((&plain - (&output * (1.0 - before).sqrt()).unwrap()).unwrap() / before.sqrt()).unwrap();
            plain = ((picture * after.sqrt()).unwrap() + (output * (1.0 - after).sqrt()).unwrap()).unwrap();
        }
        assert!(gap(&sample, &plain) < 1e-4, "{schedule}: {}", gap(&sample, &plain));
    }
}

#[test]
fn settings_of_a_flow_that_would_change_the_mathematics_are_refused_by_key() {
    for (key, value) in [
        ("_class_name", json!("FlowMatchLCMScheduler")),
        ("shift_terminal", json!(0.02)),
        ("invert_sigmas", json!(true)),
        ("stochastic_sampling", json!(true)),
        ("shift", json!(0)),
        ("num_train_timesteps", json!(1)),
    ] {
        let mut all = json!({"_class_name": "FlowMatchEulerDiscreteScheduler"});
        all[key] = value;
        let file = ConfigFile::parse(Path::new("scheduler_config.json"), &all.to_string()).unwrap();
        let refused = FlowScheduler::read(&file).unwrap_err().to_string();
        assert!(refused.contains(&format!("`{key}`")), "{refused}");
    }
}
