//! Samplers by the names that other programs give them. Some write sampler and schedule in one, as in
//! "DPM++ 2M Karras".

use super::{SamplerId, ScheduleId};

/// Names of samplers that are neither an id nor a label, folded.
const SAMPLER_ALIASES: &[(&str, SamplerId)] = &[
    ("dpmpp2msdegpu", SamplerId::DpmPp2mSde),
    ("dpmppsdegpu", SamplerId::DpmPpSde),
    ("plms", SamplerId::Pndm),
    ("unipcbh2", SamplerId::UniPc),
];

/// Names of schedules that are neither an id nor a label, folded.
const SCHEDULE_ALIASES: &[(&str, ScheduleId)] = &[
    ("automatic", ScheduleId::Normal),
    ("discrete", ScheduleId::Normal),
    ("uniform", ScheduleId::Normal),
    ("ddimuniform", ScheduleId::Leading),
];

impl SamplerId {
    /// The sampler of a name as people and other programs write it, whatever the case and punctuation, and the schedule
    /// where the name ends with one.
    ///
    /// # Errors
    /// There is no such sampler; the text lists those that there are.
    pub fn by_any_name(name: &str) -> Result<(Self, Option<ScheduleId>), String> {
        let folded = fold(name);
        if let Some(sampler) = folded_sampler(&folded) {
            return Ok((sampler, None));
        }
        let with_schedule = schedules().find_map(|(ending, schedule)| {
            Some((folded_sampler(folded.strip_suffix(ending.as_str())?)?, Some(schedule)))
        });
        with_schedule.map_or_else(|| name.parse().map(|sampler| (sampler, None)), Ok)
    }
}

impl ScheduleId {
    /// The schedule of a name as people and other programs write it, whatever the case and punctuation.
    ///
    /// # Errors
    /// There is no such schedule; the text lists those that there are.
    pub fn by_any_name(name: &str) -> Result<Self, String> {
        let folded = fold(name);
        let known = schedules().find(|(known, _)| *known == folded);
        known.map_or_else(|| name.parse(), |(_, schedule)| Ok(schedule))
    }
}

fn folded_sampler(name: &str) -> Option<SamplerId> {
    let own = |name: &str| {
        SamplerId::ALL.iter().copied().find(|id| fold(id.as_str()) == name || fold(id.label()) == name)
    };
    let known = |name: &str| {
        own(name).or_else(|| SAMPLER_ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, id)| *id))
    };
    // k-diffusion's samplers are often written with its letter before them.
    known(name).or_else(|| known(name.strip_prefix('k')?))
}

/// All names of schedules, folded.
fn schedules() -> impl Iterator<Item = (String, ScheduleId)> {
    let own = ScheduleId::ALL.iter().flat_map(|&id| [(fold(id.as_str()), id), (fold(id.label()), id)]);
    own.chain(SCHEDULE_ALIASES.iter().map(|(alias, id)| ((*alias).to_owned(), *id)))
}

/// Letters and digits in lower case, with `+` as `p`: "DPM++ 2M" and `dpmpp_2m` are the same.
fn fold(name: &str) -> String {
    let letters = name.chars().map(|letter| if letter == '+' { 'p' } else { letter });
    letters.filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
