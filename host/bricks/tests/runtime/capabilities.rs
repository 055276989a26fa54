//! What a brick asks of the studio: that it arrives, comes back, and can be stopped while it is waited for.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use qpyt_bricks::{
    CancellationToken, HostError, Limits, RunError, RunRequest, Value, capability::JobError,
    media::PixelFormat,
};

use crate::{
    fixtures::{capabilities, request, values},
    host::{Answering, FakeHost, stored_picture},
};

#[tokio::test]
async fn every_capability_reaches_the_studio_and_its_answer_the_brick() {
    let host = Arc::new(FakeHost::default());
    let inputs = vec![Value::Text(stored_picture().digest().to_string())];
    let params = serde_json::json!({"strength": 0.5});
    let all = RunRequest { params, ..request("capabilities:all", inputs, &host) };
    let outcome = capabilities().await.run(all).await.unwrap();
    let values = values(&outcome);
    assert!(matches!(values[0], Value::Image(image) if (image.width(), image.height()) == (64, 64)));
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(*values[1], text("first"));
    assert_eq!(*values[2], text("/granted/fox.jpg"));
    assert_eq!(*values[3], text("emoji"));
    assert_eq!(*values[4], Value::Number(2031.0));
    assert_eq!(*values[5], Value::Number(7.0));
    assert_eq!(*values[6], Value::Boolean(true));
    assert_eq!(*values[7], text(r#"{"strength":0.5}"#));
    assert!(matches!(values[8], Value::Text(answer) if answer.contains("BadArgument")), "{:?}", values[8]);
    assert!(matches!(values[9], Value::Text(answer) if answer.contains("JSON object")), "{:?}", values[9]);
    assert_eq!(*host.kept.lock().unwrap(), [r#"Fox Png 90 {"seed":5}"#, "/granted/fox Jpeg 80"]);
    let requests = host.requests.lock().unwrap();
    assert_eq!((requests[0].sampling.seed, requests[0].sampling.schedule.as_deref()), (5, Some("karras")));
}

#[tokio::test]
async fn models_that_see_and_write_are_reached_and_their_answers_come_back() {
    let host = Arc::new(FakeHost::default());
    let inputs = vec![Value::Text(stored_picture().digest().to_string())];
    let outcome = capabilities().await.run(request("capabilities:look", inputs, &host)).await.unwrap();
    let values = values(&outcome);
    let picture = |index: usize| match values[index] {
        Value::Image(image) => (image.format(), image.width(), image.height()),
        other => panic!("{other:?}"),
    };
    assert_eq!(picture(0), (PixelFormat::Luma8, 4, 4));
    assert_eq!(picture(1), (PixelFormat::Luma32f, 4, 4));
    assert_eq!(*values[2], Value::Text("4 pixels wide".to_owned()));
    assert_eq!(picture(3), (PixelFormat::Rgb8, 10, 10));
    assert!(
        matches!(values[4], Value::Text(answer) if answer.contains("a red fox") && answer.contains("Length")),
        "{:?}",
        values[4]
    );
    assert_eq!(*values[5], Value::Text("RENARD".to_owned()));
    let looked = host.looked.lock().unwrap();
    assert!(
        looked[0].starts_with("complete talker")
            && looked[0].ends_with(r#"16 0.5 1 9 Some("{\"top_k\":4}")"#),
        "{looked:?}"
    );
    assert_eq!(
        looked[1..],
        [
            "matte cutter",
            "depth sounder",
            "caption teller Tags",
            "upscale grower Some(64)",
            "translate linguist"
        ]
    );
}

#[tokio::test]
async fn a_painting_takes_its_start_and_its_guides_along_as_far_as_they_are_not_too_many() {
    let host = Arc::new(FakeHost::default());
    let inputs = vec![Value::Text(stored_picture().digest().to_string())];
    let outcome = capabilities().await.run(request("capabilities:paint-in", inputs, &host)).await.unwrap();
    let values = values(&outcome);
    assert!(matches!(values[0], Value::Image(image) if (image.width(), image.height()) == (64, 64)));
    assert!(
        matches!(values[1], Value::Text(said) if said.contains("9 controls are more than 8")),
        "{values:?}"
    );
    let digest = stored_picture().digest();
    assert_eq!(
        *host.looked.lock().unwrap(),
        [
            format!("inpaint {digest} within (4, 4) at 0.25"),
            "adapter style at -0.5".to_owned(),
            format!("control edges by {digest} at 0.75 from 0 until 0.5"),
            format!("reference {digest}"),
        ]
    );
}

#[tokio::test]
async fn requests_to_models_that_are_out_of_bounds_do_not_reach_the_studio() {
    let host = Arc::new(FakeHost::default());
    let inputs = vec![Value::Text(stored_picture().digest().to_string())];
    let outcome = capabilities().await.run(request("capabilities:look-wrong", inputs, &host)).await.unwrap();
    let answers = values(&outcome);
    let hints = ["factor must be 1..16", "tile must be 32..2048", "model has", "max-tokens", "text has"];
    assert_eq!(answers.len(), hints.len());
    for (answer, hint) in answers.into_iter().zip(hints) {
        assert!(matches!(answer, Value::Text(text) if text.contains(hint)), "{answer:?} without {hint}");
    }
    assert!(host.looked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn waiting_for_inference_does_not_use_up_the_computing_budget() {
    let host = Arc::new(FakeHost::painting(Answering::After(Duration::from_millis(400))));
    let limits = Some(Limits { cpu: Duration::from_millis(100), ..Limits::default() });
    let paint = RunRequest { limits, ..request("capabilities:paint", vec![], &host) };
    let usage = capabilities().await.run(paint).await.unwrap().usage;
    assert!(usage.wall >= Duration::from_millis(400) && usage.cpu <= Duration::from_millis(100));
}

#[tokio::test]
async fn the_deadline_stops_a_brick_that_waits_and_what_it_waits_for() {
    let host = Arc::new(FakeHost::painting(Answering::Never));
    let limits = Some(Limits { wall: Duration::from_millis(100), ..Limits::default() });
    let paint = RunRequest { limits, ..request("capabilities:paint", vec![], &host) };
    let result = capabilities().await.run(paint).await;
    assert!(matches!(result, Err(RunError::DeadlineExceeded { .. })), "{result:?}");
    assert_eq!(host.dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn cancel_stops_a_brick_that_waits_and_what_it_waits_for() {
    let host = Arc::new(FakeHost::painting(Answering::Never));
    let cancel = CancellationToken::new();
    let binary = capabilities().await;
    let paint =
        binary.run(RunRequest { cancel: cancel.clone(), ..request("capabilities:paint", vec![], &host) });
    let stop = async {
        host.asked.notified().await;
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(paint, stop);
    assert_eq!(result, Err(RunError::Cancelled));
    assert_eq!(host.dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_brick_that_waits_is_told_of_its_cancellation_and_cleans_up() {
    let host = Arc::new(FakeHost::painting(Answering::Never));
    let cancel = CancellationToken::new();
    let binary = capabilities().await;
    let paint = binary
        .run(RunRequest { cancel: cancel.clone(), ..request("capabilities:tidy-paint", vec![], &host) });
    let stop = async {
        host.asked.notified().await;
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(paint, stop);
    assert_eq!(result, Err(RunError::Cancelled));
    assert_eq!(host.dropped.load(Ordering::SeqCst), 1);
    assert!(host.log().iter().any(|(_, line)| line == "put the brushes away"));
}

#[tokio::test]
async fn dropping_a_run_stops_what_it_waits_for() {
    let host = Arc::new(FakeHost::painting(Answering::Never));
    let binary = capabilities().await;
    tokio::select! {
        result = binary.run(request("capabilities:paint", vec![], &host)) => panic!("{result:?}"),
        () = host.asked.notified() => {}
    }
    assert_eq!(host.dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_the_studio_refused_is_kept_beside_the_brick_s_words() {
    let missing = JobError::ModelMissing("emoji".to_owned());
    let host = Arc::new(FakeHost::painting(Answering::Fails(missing.clone())));
    let result = capabilities().await.run(request("capabilities:paint", vec![], &host)).await;
    let Err(RunError::Host { message, cause }) = result else { panic!("{result:?}") };
    assert!(message.contains("ModelMissing"), "{message}");
    assert_eq!(cause, Some(HostError::Job(missing)));
}

#[tokio::test]
async fn a_prompt_without_end_does_not_reach_the_studio() {
    let host = Arc::new(FakeHost::default());
    let result = capabilities().await.run(request("capabilities:long-prompt", vec![], &host)).await;
    assert!(
        matches!(&result, Err(RunError::Host { message, .. }) if message.contains("prompt has")),
        "{result:?}"
    );
    assert!(host.requests.lock().unwrap().is_empty());
}
