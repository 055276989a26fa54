//! `qpyt:ai/language`.

use wasmtime::{StoreContextMut, component::Linker};

use super::{Fail, answer_and_note, check_length, inference::unless_cancelled};
use crate::{
    Interface,
    capability::{ChatRequest, Completion, JobError},
    contract::versioned,
    sandbox::State,
};

type Store<'a> = StoreContextMut<'a, State>;

/// The most parts that a conversation may have.
const MAX_MESSAGES: usize = 256;
/// The most tokens that an answer may have.
const MAX_TOKENS: u32 = 8192;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::AiLanguage.name()))?;
    instance.func_wrap_async("complete", |mut store, (request,)| {
        Box::new(async move {
            let completion = complete(&mut store, request).await;
            answer_and_note(store.data_mut(), completion)
        })
    })?;
    instance.func_wrap_async("translate", |mut store, (model, text)| {
        Box::new(async move {
            let translation = translate(&mut store, model, text).await;
            answer_and_note(store.data_mut(), translation)
        })
    })
}

async fn complete(store: &mut Store<'_>, request: ChatRequest) -> Result<Completion, Fail<JobError>> {
    check(&request).map_err(JobError::BadArgument)?;
    let (host, cancel) = (store.data().host()?, store.data().cancel.clone());
    Ok(unless_cancelled(&cancel, host.complete(request)).await?)
}

async fn translate(store: &mut Store<'_>, model: String, text: String) -> Result<String, Fail<JobError>> {
    check_length("model", &model)
        .and_then(|()| check_length("text", &text))
        .map_err(JobError::BadArgument)?;
    let (host, cancel) = (store.data().host()?, store.data().cancel.clone());
    Ok(unless_cancelled(&cancel, host.translate(model, text)).await?)
}

/// The bounds of the contract.
fn check(request: &ChatRequest) -> Result<(), String> {
    check_length("model", &request.model)?;
    request.extra.as_deref().map_or(Ok(()), |extra| check_length("extra", extra))?;
    let count = request.messages.len();
    if count == 0 || count > MAX_MESSAGES {
        return Err(format!("messages must be 1..{MAX_MESSAGES}, but are {count}"));
    }
    request.messages.iter().try_for_each(|message| check_length("a message", &message.content))?;
    if !(1..=MAX_TOKENS).contains(&request.max_tokens) {
        return Err(format!("max-tokens must be 1..{MAX_TOKENS}, but is {}", request.max_tokens));
    }
    for (name, value, most) in [("temperature", request.temperature, 2.0), ("top-p", request.top_p, 1.0)] {
        if !(0.0..=most).contains(&value) {
            return Err(format!("{name} must be 0..{most}, but is {value}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{Message, Role};

    fn message() -> Message {
        Message { role: Role::User, content: "a fox".to_owned() }
    }

    fn request() -> ChatRequest {
        ChatRequest {
            model: "chat".to_owned(),
            messages: vec![message()],
            max_tokens: 16,
            temperature: 0.7,
            top_p: 0.9,
            seed: 1,
            extra: None,
        }
    }

    #[test]
    fn what_is_out_of_bounds_does_not_reach_the_studio() {
        assert_eq!(check(&request()), Ok(()));
        let long = Message { role: Role::User, content: "fox ".repeat(1 << 17) };
        for (wrong, hint) in [
            (ChatRequest { messages: Vec::new(), ..request() }, "messages"),
            (ChatRequest { messages: vec![long; 1], ..request() }, "a message"),
            (ChatRequest { messages: vec![message(); 257], ..request() }, "1..256"),
            (ChatRequest { max_tokens: 0, ..request() }, "max-tokens"),
            (ChatRequest { max_tokens: 8193, ..request() }, "1..8192"),
            (ChatRequest { temperature: f32::NAN, ..request() }, "temperature"),
            (ChatRequest { top_p: 1.5, ..request() }, "top-p must be 0..1"),
        ] {
            let message = check(&wrong).unwrap_err();
            assert!(message.contains(hint), "{message}");
        }
    }
}
