//! `qpyt brick pack`, `keygen`, `install` and `remove`: bricks from one person to another.

use std::io::{BufRead, IsTerminal, Write, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use qpyt_author::install::{self, Offer, There};
use qpyt_author::keys::SecretKey;
use qpyt_author::subject::Subject;
use qpyt_author::{package, readable};

use super::Bench;
use crate::cli::FAILED;
use crate::store::Store;

/// Packs a brick into one file.
pub(super) async fn pack(
    bench: &Bench,
    dir: &Path,
    key: Option<&Path>,
    out: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let key = key.map(SecretKey::read).transpose()?;
    let place = bench.place(&Subject::at(dir)?)?;
    let packed = package::pack(&bench.runtime()?, &place, key.as_ref(), out).await?;
    println!("{} ({}, {})", packed.file.display(), readable(packed.bytes), packed.package.digest);
    match packed.package.signed_by {
        Some(key) => println!("signed by {key}"),
        None => println!("not signed; sign it with --key FILE, and make a key with `qpyt brick keygen FILE`"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws a key.
pub(super) fn keygen(file: &Path) -> anyhow::Result<ExitCode> {
    let key = SecretKey::draw(file)?;
    println!(
        "{} holds your secret key; keep it to yourself. Your packages are signed by {}",
        file.display(),
        key.public()
    );
    Ok(ExitCode::SUCCESS)
}

/// Installs a package.
pub(super) async fn install(bench: &Bench, file: &Path, yes: bool) -> anyhow::Result<ExitCode> {
    let publishers = Store::open_beside(&bench.config.data)?;
    let offer = install::offer(&bench.runtime()?, &publishers, file, &bench.bricks()).await?;
    print_offer(&offer);
    if offer.there == There::Same {
        println!("It is installed already.");
        return Ok(ExitCode::SUCCESS);
    }
    if !yes && !agreed()? {
        println!("Nothing was installed.");
        return Ok(ExitCode::from(FAILED));
    }
    println!("installed as {}", offer.accept(&publishers)?.display());
    Ok(ExitCode::SUCCESS)
}

fn print_offer(offer: &Offer) {
    println!("{} ({}, {})", offer.bricks.join(", "), readable(offer.bytes), offer.digest);
    println!("  {}", offer.doc);
    let publisher = offer.publisher.as_deref().unwrap_or("nobody");
    match (&offer.signed_by, offer.known_publisher) {
        (None, _) => println!("  by {publisher}, not signed: nothing shows that it is really from them"),
        (Some(key), true) => println!("  by {publisher}, signed by {key}, the key that is known for them"),
        (Some(key), false) => {
            println!(
                "  by {publisher}, signed by {key}, which is seen for the first time and remembered for them"
            );
        }
    }
    let uses: Vec<_> = offer.uses.iter().map(|interface| interface.name()).collect();
    println!("  uses {}", if uses.is_empty() { "nothing".to_owned() } else { uses.join(", ") });
    for ask in &offer.asks {
        println!("  will ask you whether it may {ask}");
    }
    if offer.there == There::OtherBuild {
        println!("  replaces another build of the same version");
    }
}

/// Asks the person.
fn agreed() -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        bail!("there is nobody to ask; say yes with --yes");
    }
    print!("Install it? [y/N] ");
    stdout().flush().context("the question can't be shown")?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer).context("the answer can't be read")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Removes an installed package.
pub(super) fn remove(bench: &Bench, brick: &str) -> anyhow::Result<ExitCode> {
    let (id, version) = match brick.split_once('@') {
        Some((id, version)) => {
            (id, Some(version.parse().with_context(|| format!("{version} is no version such as 0.1.0"))?))
        }
        None => (brick, None),
    };
    for removed in install::remove(&bench.bricks(), id, version.as_ref())? {
        println!("removed {}", removed.display());
    }
    Ok(ExitCode::SUCCESS)
}
