//! Tasks for which the device has less memory than was planned: tried once more with all that saves some.

use super::{Engine, EngineError, Observer};

/// How much a task does to take little memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thrift {
    /// What the plan asks for.
    Planned,
    /// All that it can, since the plan was wrong.
    Most,
}

impl Engine {
    /// Runs a task. If the device runs out of memory, drops all models and runs it once more.
    ///
    /// # Errors
    /// Those of the task; if the device runs out of memory again, with what was planned.
    pub(super) fn sparing<T>(
        &self,
        observer: &dyn Observer,
        mut task: impl FnMut(Thrift) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        match task(Thrift::Planned) {
            Err(EngineError::DeviceFull { .. }) if !observer.cancelled() => {}
            done => return done,
        }
        tracing::warn!("the device ran out of memory; all models are dropped for another try");
        observer.note("the device ran out of memory; it was tried once more with less");
        self.models.drop_all();
        // What was freed is there for others once the device has done all that it was told.
        self.device.synchronize()?;
        task(Thrift::Most).map_err(|error| match error {
            EngineError::DeviceFull { .. } => EngineError::DeviceFull { sizes: Some(self.models.planned()) },
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;

    use super::*;
    use crate::diffusion::noise::TorchGenerator;
    use crate::diffusion::pipeline::RunStart;
    use crate::engine::painting::Origin;
    use crate::engine::{EngineOptions, ImageRequest, InstalledModel, Precision, StepReport, scan_models};
    use crate::prompt::PromptSyntax;

    /// Keeps what it is told.
    #[derive(Default)]
    struct Witness(Mutex<Vec<String>>);

    impl Witness {
        fn count(&self, what: &str) -> usize {
            self.0.lock().unwrap().iter().filter(|told| told.contains(what)).count()
        }
    }

    impl Observer for Witness {
        fn step(&self, _report: StepReport<'_>) {}
        fn part(&self, _done: usize, _parts: usize) {}
        fn text(&self, _piece: &str) {}
        fn doing(&self, what: &str) {
            self.note(what);
        }
        fn note(&self, note: &str) {
            self.0.lock().unwrap().push(note.to_owned());
        }
        fn cancelled(&self) -> bool {
            false
        }
    }

    fn model() -> InstalledModel {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        let scan = scan_models(&[models]);
        scan.models.into_iter().find(|model| model.id == "emoji").unwrap()
    }

    fn engine() -> Engine {
        let options = EngineOptions { memory_budget: 1 << 30, threads: None };
        Engine::new(options).unwrap().with_precision(Precision::F16)
    }

    fn request() -> ImageRequest {
        let plain = ImageRequest::new("red apple", (64, 64), 1);
        ImageRequest { syntax: PromptSyntax::Plain, seed: 3, ..plain }
    }

    /// What the driver of a device without memory says, on its way through candle.
    fn full() -> EngineError {
        let told = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
        candle_core::Error::Cuda(Box::new(std::io::Error::other(told))).bt().into()
    }

    #[test]
    fn a_picture_that_the_device_had_no_memory_for_is_made_with_all_blocks_brought_to_it() {
        let (engine, model, request, witness) = (engine(), model(), request(), Witness::default());
        let picture = engine
            .paint(&witness, |thrift| {
                let run = engine.prepare(&model, &request, (Origin::Noise, thrift), &witness)?;
                if thrift == Thrift::Planned {
                    return Err(full());
                }
                let mut noise = TorchGenerator::new(request.seed);
                let pipeline = &run.painter.pipeline;
                let latents = pipeline.noise_latents(64, 64, run.sampler.as_ref(), &mut noise)?;
                run.finish(RunStart { latents, first: 0, outside: None }, &mut noise, &witness)
            })
            .unwrap();
        assert_eq!(witness.count("loading"), 2, "the model was dropped");
        assert_eq!((witness.count("once more with less"), witness.count("blocks of the model")), (1, 1));
        assert_eq!(witness.count("in tiles"), 1);
        let usual = self::engine().text_to_image(&model, &request, &Witness::default()).unwrap();
        assert!(picture == usual, "a picture of one tile is the same");
    }

    #[test]
    fn a_device_without_memory_is_told_of_with_sizes_when_it_happens_again() {
        let (engine, model, request, witness) = (engine(), model(), request(), Witness::default());
        let mut tries = Vec::new();
        let failed = engine.sparing(&witness, |thrift| {
            tries.push(thrift);
            engine.prepare(&model, &request, (Origin::Noise, thrift), &witness)?;
            Err::<(), _>(full())
        });
        assert_eq!(tries, [Thrift::Planned, Thrift::Most]);
        let Err(EngineError::DeviceFull { sizes: Some(sizes) }) = &failed else { panic!("{failed:?}") };
        assert!(sizes.needed > 1 << 16 && sizes.needed < sizes.memory && sizes.memory == 1 << 30);
        let said = failed.unwrap_err().to_string();
        for part in ["1024 MB were planned with", "q8_0", "inference.offload", "picture smaller"] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn other_errors_are_not_tried_again() {
        let mut tries = 0;
        let failed = engine().sparing(&Witness::default(), |_| {
            tries += 1;
            Err::<(), _>(EngineError::Internal("a shape".to_owned()))
        });
        assert_eq!((failed, tries), (Err(EngineError::Internal("a shape".to_owned())), 1));
    }
}
