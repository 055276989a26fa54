//! The ControlNet brick: says by which picture, and by which network, the things in a painting find their places.

use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::Control;

/// Puts things where they are in another picture: along its edges, its depth or its poses.
#[derive(Debug, Clone, Params)]
struct ControlNet {
    /// The network that reads the picture. It has to be made for the model that paints.
    #[param(title = "ControlNet", widget = "model", hint("x-model-family", "controlnet"))]
    model: String,
    /// How much the picture counts: 1 is what the network was trained for.
    #[param(default = 1.0, min = 0, max = 2, step = 0.05)]
    weight: f64,
    /// From which share of the steps on it counts.
    #[param(default = 0.0, min = 0, max = 1, step = 0.05)]
    begin: f64,
    /// Up to which share of the steps it counts. An end before 1 leaves the details to the model.
    #[param(default = 1.0, min = 0, max = 1, step = 0.05)]
    end: f64,
}

#[derive(Inputs)]
struct Guide {
    /// A map of edges, depth or poses, as the network was trained on.
    image: Image,
    /// Controls of a brick before, which stay.
    controls: Vec<Json<Control>>,
}

#[derive(Outputs)]
struct Controls {
    /// All controls, those of bricks before first.
    controls: Vec<Json<Control>>,
    /// The map, to look at.
    guide: Image,
}

impl Brick for ControlNet {
    const ID: &'static str = "qpyt:controlnet";
    const LABEL: &'static str = "ControlNet";
    const CATEGORY: Category = Category::Setting;
    type Inputs = Guide;
    type Outputs = Controls;

    fn run(self, inputs: Guide) -> Result<Controls> {
        let control = self.control(inputs.image.info().digest)?;
        let mut controls = inputs.controls;
        controls.push(Json(control));
        Ok(Controls { controls, guide: inputs.image })
    }
}

impl ControlNet {
    fn control(self, picture: String) -> Result<Control> {
        if self.model.is_empty() {
            return Err(BrickError::bad_param("model", "Choose the network that reads the picture."));
        }
        if self.begin >= self.end {
            let problem =
                format!("It ends at {} and so never begins. Set the end after the beginning.", self.end);
            return Err(BrickError::bad_param("end", problem));
        }
        Ok(Control { model: self.model, picture, weight: self.weight, begin: self.begin, end: self.end })
    }
}

qpyt_sdk::export!(ControlNet);

#[cfg(test)]
mod tests {
    use super::*;

    fn with_model() -> ControlNet {
        ControlNet { model: "canny".to_owned(), ..ControlNet::defaults().unwrap() }
    }

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<ControlNet>(), Vec::<String>::new());
    }

    #[test]
    fn a_control_has_what_the_person_set() {
        let control = ControlNet { end: 0.6, ..with_model() }.control("blake3:1".to_owned()).unwrap();
        assert_eq!(
            (control.model.as_str(), control.weight, control.begin, control.end),
            ("canny", 1.0, 0.0, 0.6)
        );
    }

    #[test]
    fn a_control_that_never_counts_or_has_no_network_is_a_matter_of_its_parameter() {
        let named = |control: ControlNet| match control.control(String::new()) {
            Err(BrickError::BadParam(problem)) => problem.name,
            other => panic!("{other:?}"),
        };
        assert_eq!(named(ControlNet::defaults().unwrap()), "model");
        assert_eq!(named(ControlNet { begin: 0.7, end: 0.7, ..with_model() }), "end");
    }
}
