//! How a model is run where nobody says otherwise: the steps and the guidance by which its makers show it. Found in its
//! weights and configurations and, where those are silent, in its names.

use super::components::Components;
use super::samplers::SamplerId;

/// What names, in small letters, say of networks that were distilled to work in few steps and without guidance. Many are called
/// hyperrealistic without being that.
pub(super) const DISTILLED: [&str; 8] =
    ["lightning", "turbo", "lcm", "dmd", "hypersd", "hyper-sd", "hyper_sd", "hyper-flux"];
/// Steps of such a network whose name does not count them.
const FEW: u32 = 4;
/// The most that a name is believed.
const MOST: u32 = 50;

/// The most steps and guidance that an index is believed.
const MOST_SAID: u32 = 150;
const MOST_GUIDANCE: f32 = 30.0;

/// Steps and guidance of a model that is left to itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// Sampling steps, from 1.
    pub steps: u32,
    /// Scale of guidance; 1 for networks that were made to work without.
    pub guidance: f32,
}

impl Usual {
    const fn new(steps: u32, guidance: f32) -> Self {
        Self { steps, guidance }
    }

    /// What a model's index says itself (`usual_sampling`); none if it says nothing that can be.
    pub(super) fn said(components: &Components) -> Option<Self> {
        let said = components.index().get("usual_sampling")?;
        let steps = said.get("steps")?.as_u64().and_then(|steps| u32::try_from(steps).ok())?;
        let guidance = said.get("guidance")?.as_f64()? as f32;
        let can_be = (1..=MOST_SAID).contains(&steps) && (0.0..=MOST_GUIDANCE).contains(&guidance);
        can_be.then_some(Self { steps, guidance })
    }

    /// Of the Stable Diffusion family before 3, which its index (`is_distilled`), its scheduler or its names tell to be
    /// distilled. `large`: of SDXL.
    pub(super) fn of_unet(names: &Names, indexed: bool, scheduler: SamplerId, large: bool) -> Self {
        if indexed || scheduler == SamplerId::Lcm || names.tell_of_few_steps() {
            return Self::new(names.steps().unwrap_or(FEW), 1.0);
        }
        if large { Self::new(30, 6.0) } else { Self::new(25, 7.0) }
    }

    /// Of Stable Diffusion 3 and 3.5.
    pub(super) fn of_sd3(names: &Names, distilled: bool) -> Self {
        if distilled { Self::new(names.steps().unwrap_or(FEW), 1.0) } else { Self::new(28, 4.5) }
    }

    /// Of FLUX.1: a network without guidance as an input is schnell.
    pub(super) fn of_flux(names: &Names, guided: bool) -> Self {
        match guided {
            false => Self::new(names.steps().unwrap_or(FEW), 1.0),
            true if names.tell_of_few_steps() => Self::new(names.steps().unwrap_or(2 * FEW), 3.5),
            true => Self::new(28, 3.5),
        }
    }

    /// Of FLUX.2 Klein.
    pub(super) fn of_flux2(distilled: bool) -> Self {
        if distilled { Self::new(FEW, 1.0) } else { Self::new(50, 4.0) }
    }
}

/// What a model is called: by its folder or file, and by those who saved it. In small letters.
pub(super) struct Names(Vec<String>);

impl Names {
    pub(super) fn of(components: &Components) -> Self {
        let noted = components.index().get("_name_or_path").and_then(|name| name.as_str());
        let last = noted.and_then(|path| path.rsplit('/').next()).map(str::to_lowercase);
        Self(std::iter::once(components.name()).chain(last).collect())
    }

    fn tell_of_few_steps(&self) -> bool {
        self.0.iter().any(|name| DISTILLED.iter().any(|word| name.contains(word)))
    }

    /// The steps that a network was distilled to, as in `sdxl-lightning-8step`.
    fn steps(&self) -> Option<u32> {
        self.0.iter().find_map(|name| {
            let (before, _) = name.split_once("step")?;
            let digits = before.trim_end_matches(['-', '_', ' ']);
            let number = digits.rsplit(|letter: char| !letter.is_ascii_digit()).next()?;
            number.parse().ok().filter(|steps| (1..=MOST).contains(steps))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(name: &str) -> Names {
        Names(vec![name.to_owned()])
    }

    #[test]
    fn networks_that_were_distilled_get_few_steps_and_no_guidance() {
        let unet = |name: &str| Usual::of_unet(&called(name), false, SamplerId::Euler, true);
        assert_eq!(unet("sdxl-lightning-4step"), Usual::new(4, 1.0));
        assert_eq!(unet("sdxl_lightning_8step_unet.safetensors"), Usual::new(8, 1.0));
        assert_eq!(unet("sdxl-turbo"), Usual::new(4, 1.0));
        assert_eq!(unet("step-by-step-turbo"), Usual::new(4, 1.0));
        assert_eq!(unet("hyper-sdxl-8step"), Usual::new(8, 1.0));
        assert_eq!(unet("juggernaut"), Usual::new(30, 6.0));
        assert_eq!(unet("hyperrealism-v3"), Usual::new(30, 6.0));
        assert_eq!(Usual::of_unet(&called("fast"), false, SamplerId::Lcm, false), Usual::new(4, 1.0));
        assert_eq!(Usual::of_unet(&called("fast"), true, SamplerId::Euler, true), Usual::new(4, 1.0));
        assert_eq!(Usual::of_unet(&called("dreams"), false, SamplerId::Pndm, false), Usual::new(25, 7.0));
    }

    #[test]
    fn a_network_that_takes_guidance_in_is_guided_also_where_it_needs_few_steps() {
        assert_eq!(Usual::of_flux(&called("mine"), false), Usual::new(4, 1.0));
        assert_eq!(Usual::of_flux(&called("mine"), true), Usual::new(28, 3.5));
        assert_eq!(Usual::of_flux(&called("flux.1-turbo"), true), Usual::new(8, 3.5));
    }

    #[test]
    fn numbers_in_names_that_are_no_steps_are_passed_over() {
        assert_eq!(called("v1.5-1000000step").steps(), None);
        assert_eq!(called("0step").steps(), None);
        assert_eq!(called("footstep").steps(), None);
        assert_eq!(called("hyper 12 steps").steps(), Some(12));
    }
}
