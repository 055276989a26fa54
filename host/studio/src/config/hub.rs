//! Where models come from: the Hub's address and the person's token, in the variables that the Hub's own client reads.

use url::Url;

use super::environment::Environment;
use super::error::{ConfigError, bad};
use crate::store::SecretValue;

/// The Hub where nobody says otherwise.
const HUB: &str = "https://huggingface.co/";

/// Where models come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubConfig {
    /// The Hub, or a mirror of it (`HF_ENDPOINT`).
    pub endpoint: Url,
    /// The person's token (`HF_TOKEN`); the secret `huggingface` wins over it.
    pub token: Option<SecretValue>,
}

impl HubConfig {
    /// As the variables say.
    pub(super) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let written = environment.get("HF_ENDPOINT").unwrap_or(HUB);
        let expected = || "the http or https address of the Hub or a mirror, without a query".to_owned();
        let endpoint = Url::parse(written).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.query().is_none()
        });
        let endpoint =
            endpoint.ok_or_else(|| bad("HF_ENDPOINT", "an environment variable", expected(), &written))?;
        let token = environment.get("HF_TOKEN").map(|token| SecretValue::new(token.trim().to_owned()));
        let token = token.transpose().map_err(|_| {
            let expected = "a token of visible ASCII characters without blanks".to_owned();
            bad("HF_TOKEN", "an environment variable", expected, &"not shown here")
        })?;
        Ok(Self { endpoint, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<HubConfig, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        HubConfig::read(&Environment { variables: variables.collect(), ..Environment::default() })
    }

    #[test]
    fn the_hub_is_asked_unless_a_mirror_is_named() {
        assert_eq!(read(&[]).unwrap().endpoint.as_str(), HUB);
        let mirror = read(&[("HF_ENDPOINT", "http://127.0.0.1:9/hub"), ("HF_TOKEN", "hf_abc\n")]).unwrap();
        assert_eq!(mirror.endpoint.as_str(), "http://127.0.0.1:9/hub");
        assert_eq!(mirror.token.unwrap().reveal(), "hf_abc");
    }

    #[test]
    fn a_wrong_variable_is_told_and_a_token_never_shown() {
        for wrong in ["huggingface.co", "file:///etc", "https://a.example/?x=y"] {
            assert!(read(&[("HF_ENDPOINT", wrong)]).unwrap_err().to_string().contains("HF_ENDPOINT"));
        }
        let error = read(&[("HF_TOKEN", "hf abc")]).unwrap_err().to_string();
        assert!(error.contains("HF_TOKEN") && !error.contains("hf abc"), "{error}");
    }
}
