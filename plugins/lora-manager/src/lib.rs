//! The LoRA brick: says which LoRAs change the model, and how much. More than four are several of these in a row.

use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::Lora;

/// Changes the model that paints by up to four LoRAs: styles, people, things it did not learn before.
#[derive(Debug, Clone, Params)]
struct LoraManager {
    /// The first LoRA.
    #[param(title = "LoRA 1", widget = "model", hint("x-model-family", "lora"))]
    first: String,
    /// How much of it: 0 is nothing, below 0 the opposite.
    #[param(title = "Weight 1", default = 1.0, min = -4, max = 4, step = 0.05)]
    first_weight: f64,
    /// The second LoRA.
    #[param(title = "LoRA 2", widget = "model", hint("x-model-family", "lora"))]
    second: String,
    /// How much of it.
    #[param(title = "Weight 2", default = 1.0, min = -4, max = 4, step = 0.05)]
    second_weight: f64,
    /// The third LoRA.
    #[param(title = "LoRA 3", widget = "model", hint("x-model-family", "lora"))]
    third: String,
    /// How much of it.
    #[param(title = "Weight 3", default = 1.0, min = -4, max = 4, step = 0.05)]
    third_weight: f64,
    /// The fourth LoRA.
    #[param(title = "LoRA 4", widget = "model", hint("x-model-family", "lora"))]
    fourth: String,
    /// How much of it.
    #[param(title = "Weight 4", default = 1.0, min = -4, max = 4, step = 0.05)]
    fourth_weight: f64,
}

#[derive(Inputs)]
struct Before {
    /// LoRAs of a brick before, which stay.
    #[port(label = "LoRAs")]
    loras: Vec<Json<Lora>>,
}

#[derive(Outputs)]
struct All {
    /// All LoRAs, those of bricks before first.
    #[port(label = "LoRAs")]
    loras: Vec<Json<Lora>>,
}

impl Brick for LoraManager {
    const ID: &'static str = "qpyt:lora-manager";
    const LABEL: &'static str = "LoRA manager";
    const CATEGORY: Category = Category::Setting;
    type Inputs = Before;
    type Outputs = All;

    fn run(self, inputs: Before) -> Result<All> {
        let mut loras = inputs.loras;
        loras.extend(self.chosen().map(Json));
        Ok(All { loras })
    }
}

impl LoraManager {
    /// Those that change anything.
    fn chosen(self) -> impl Iterator<Item = Lora> {
        let slots = [
            (self.first, self.first_weight),
            (self.second, self.second_weight),
            (self.third, self.third_weight),
            (self.fourth, self.fourth_weight),
        ];
        let set = |(model, weight): &(String, f64)| !model.is_empty() && *weight != 0.0;
        slots.into_iter().filter(set).map(|(model, weight)| Lora { model, weight })
    }
}

qpyt_sdk::export!(LoraManager);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<LoraManager>(), Vec::<String>::new());
    }

    #[test]
    fn slots_that_change_nothing_are_left_out() {
        let manager = LoraManager {
            second: "ink".to_owned(),
            second_weight: -0.5,
            fourth: "oil".to_owned(),
            fourth_weight: 0.0,
            ..LoraManager::defaults().unwrap()
        };
        let chosen: Vec<_> = manager.chosen().collect();
        assert_eq!(chosen, [Lora { model: "ink".to_owned(), weight: -0.5 }]);
    }
}
