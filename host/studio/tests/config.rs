//! Settings: four layers, of which the later wins, and messages that lead back to the slip of the finger.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use qpyt_studio::config::{Config, ConfigError, Environment, KEYS, Overrides};

/// A place to start the program in.
struct Start {
    folder: tempfile::TempDir,
    environment: Environment,
}

impl Start {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variables = BTreeMap::from([("HOME".to_owned(), "/home/me".to_owned())]);
        let environment = Environment { variables, current_folder: folder.path().to_path_buf() };
        Self { folder, environment }
    }

    fn file(self, text: &str) -> Self {
        fs::write(self.folder.path().join("qpyt.toml"), text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn load(&self) -> Result<Config, ConfigError> {
        self.load_with(&Overrides::default())
    }

    fn load_with(&self, overrides: &Overrides) -> Result<Config, ConfigError> {
        Config::load(overrides, &self.environment)
    }

    fn message(&self) -> String {
        self.load().unwrap_err().to_string()
    }
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../qpyt.example.toml");
    fs::read_to_string(path).unwrap()
}

/// The dotted keys of a configuration file.
fn keys(text: &str) -> Vec<String> {
    let table: toml::Table = text.parse().unwrap();
    let mut keys = Vec::new();
    for (key, value) in &table {
        match value {
            toml::Value::Table(inner) => keys.extend(inner.keys().map(|name| format!("{key}.{name}"))),
            _ => keys.push(key.clone()),
        }
    }
    keys
}

#[test]
fn the_example_file_says_the_defaults() {
    assert_eq!(Start::new().file(&example()).load().unwrap(), Start::new().load().unwrap());
}

#[test]
fn the_example_file_names_every_setting() {
    let mut named = keys(&example());
    let mut all = KEYS.map(str::to_owned);
    named.sort();
    all.sort();
    assert_eq!(named, all);
}

#[test]
fn nothing_said_means_loopback_and_the_home_folder() {
    let config = Start::new().load().unwrap();
    assert_eq!((config.address, config.port), (IpAddr::V4(Ipv4Addr::LOCALHOST), 8000));
    assert_eq!(config.data, Path::new("/home/me/.local/share/qpyt"));
    let config = Start::new().variable("XDG_DATA_HOME", "/xdg").load().unwrap();
    assert_eq!(config.data, Path::new("/xdg/qpyt"));
}

#[test]
fn without_a_home_the_data_folder_must_be_said() {
    let start = Start::new().variable("HOME", "");
    assert!(start.message().contains("--data"));
    let overrides = Overrides { data: Some("/data".into()), ..Overrides::default() };
    assert_eq!(start.load_with(&overrides).unwrap().data, Path::new("/data"));
}

#[test]
fn hosts_of_the_person_s_own_are_read_in_their_one_form() {
    let hosts = |start: Start| -> Vec<String> {
        start.load().unwrap().network.private_hosts.iter().map(ToString::to_string).collect()
    };
    let start = Start::new().file("[network]\nprivate_hosts = [\"127.0.0.1:8089\", \"NAS.local.:443\"]");
    assert_eq!(hosts(start), ["127.0.0.1:8089", "nas.local:443"]);
    let start = Start::new().variable("QPYT_NETWORK_PRIVATE_HOSTS", "127.0.0.1:1, [::1]:2");
    assert_eq!(hosts(start), ["127.0.0.1:1", "[::1]:2"]);
    let message = Start::new().file("[network]\nprivate_hosts = [\"127.0.0.1\"]").message();
    assert!(message.contains("network.private_hosts") && message.contains("127.0.0.1:8089"), "{message}");
}

#[test]
fn a_variable_wins_over_the_file_and_a_flag_over_both() {
    let start = Start::new().file("port = 1\nmodel_folders = [\"a\"]\n[limits]\nmax_side = 1024");
    assert_eq!(start.load().unwrap().port, 1);
    let start = start.variable("QPYT_PORT", "2").variable("QPYT_LIMITS_MAX_SIDE", "2048");
    let config = start.load().unwrap();
    assert_eq!((config.port, config.limits.max_side), (2, 2048));
    let overrides = Overrides { port: Some(3), open_browser: Some(false), ..Overrides::default() };
    let config = start.load_with(&overrides).unwrap();
    assert_eq!((config.port, config.limits.max_side, config.open_browser), (3, 2048, false));
    assert_eq!(config.model_folders, [start.folder.path().join("a")]);
}

#[test]
fn the_file_is_looked_for_here_then_in_the_data_folder_unless_it_is_named() {
    let start = Start::new();
    let data = start.folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("qpyt.toml"), "port = 10").unwrap();
    fs::write(start.folder.path().join("named.toml"), "port = 12").unwrap();
    let start = start.variable("QPYT_DATA", "data");
    assert_eq!(start.load().unwrap().port, 10);
    assert_eq!(start.load().unwrap().data, data);
    let start = start.file("port = 11");
    assert_eq!(start.load().unwrap().port, 11);
    let named = |name: &str| Overrides { config_file: Some(name.into()), ..Overrides::default() };
    assert_eq!(start.load_with(&named("named.toml")).unwrap().port, 12);
    let error = start.load_with(&named("missing.toml")).unwrap_err().to_string();
    assert!(error.contains("missing.toml"), "{error}");
}

#[test]
fn paths_in_a_file_start_at_the_file_and_lists_of_variables_are_split() {
    let start = Start::new();
    let elsewhere = start.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let file = elsewhere.join("settings.toml");
    fs::write(&file, "data = \"d\"\nbrick_folders = [\"b\", \"/abs\", \"~/mine\"]").unwrap();
    let overrides = Overrides { config_file: Some(file), ..Overrides::default() };
    let list = std::env::join_paths(["one", "/two"]).unwrap().into_string().unwrap();
    let start = start.variable("QPYT_MODEL_FOLDERS", &list);
    let config = start.load_with(&overrides).unwrap();
    assert_eq!(config.data, elsewhere.join("d"));
    let expected = [elsewhere.join("b"), PathBuf::from("/abs"), PathBuf::from("/home/me/mine")];
    assert_eq!(config.brick_folders, expected);
    assert_eq!(config.model_folders, [start.folder.path().join("one"), PathBuf::from("/two")]);
}

#[test]
fn an_unknown_key_is_named_with_its_file_and_the_right_one() {
    for (text, key, right) in [
        ("prot = 8000", "`prot`", "`port`"),
        ("[limits]\nmax_sides = 10", "`limits.max_sides`", "`limits.max_side`"),
        ("max_side = 100", "`max_side`", "`limits.max_side`"),
        ("[job]\ncpu_lanes = 1", "`job.cpu_lanes`", "`jobs.cpu_lanes`"),
        ("[inferences]", "`inferences`", "`inference."),
        ("limits = 3", "`limits`", "`limits."),
    ] {
        let message = Start::new().file(text).message();
        assert!(message.contains(key) && message.contains(right), "{text}: {message}");
        assert!(message.contains("qpyt.toml"), "{message}");
    }
}

#[test]
fn a_brick_has_the_limits_that_are_said_for_it_and_the_usual_ones_besides() {
    let start = Start::new()
        .file(
            "[limits]\nmax_side = 1024\nhandles = 50\n[bricks.\"qpyt:render\".limits]\nmemory_mib = 2048\nhandles = 60\n[bricks.\"me:other\"]",
        )
        .variable("QPYT_LIMITS_MAX_SIDE", "2048");
    let config = start.load().unwrap();
    let bricks = config.bricks.over(&config.limits);
    let [(brick, limits)] = &bricks.iter().collect::<Vec<_>>()[..] else { panic!("{bricks:?}") };
    assert_eq!(brick.as_str(), "qpyt:render");
    assert_eq!((limits.memory_mib, limits.handles, limits.max_side), (2048, 60, 2048));
    assert_eq!(limits.log_lines_per_second, config.limits.log_lines_per_second);
    let limits = limits.to_limits();
    assert_eq!((limits.memory_bytes, limits.hostcall_bytes), (2048 << 20, 128 << 20));
    assert_eq!(config.limits.handles, 50);
}

#[test]
fn mistakes_in_the_limits_of_a_brick_are_told() {
    for (text, parts) in [
        (
            "[bricks.\"qpyt:render\".limits]\nmemory_mb = 1",
            ["`bricks.\"qpyt:render\".limits.memory_mb`", "`bricks.\"qpyt:render\".limits.memory_mib`"],
        ),
        (
            "[bricks.\"qpyt:render\".limit]\nmemory_mib = 1",
            ["`bricks.\"qpyt:render\".limit`", "`bricks.\"qpyt:render\".limits`"],
        ),
        (
            "[bricks.\"qpyt:render\".limits]\nmemory_mib = 1",
            ["`bricks.\"qpyt:render\".limits.memory_mib`", "whole number from 16"],
        ),
        ("[bricks.render.limits]\nmemory_mib = 64", ["`render`", "[bricks.\"namespace:name\".limits]"]),
        ("[bricks]\n\"qpyt:render\" = 3", ["`bricks.\"qpyt:render\"`", "a table"]),
        ("bricks = 3", ["`bricks`", "a table"]),
    ] {
        let message = Start::new().file(text).message();
        for part in parts {
            assert!(message.contains(part), "{text}: {part} is not in: {message}");
        }
        assert!(message.contains("qpyt.toml"), "{message}");
    }
}

#[test]
fn an_unknown_variable_is_named_and_those_of_others_are_left_alone() {
    let message = Start::new().variable("QPYT_PROT", "8000").message();
    assert!(message.contains("`QPYT_PROT`") && message.contains("`QPYT_PORT`"), "{message}");
    for other in ["QPYT_HOME", "QPYT_LOG", "QPYT_CHROMIUM", "QPYT_REFERENCE_DIR", "NOT_QPYT_PORT"] {
        Start::new().variable(other, "anything").load().unwrap();
    }
}

#[test]
fn a_wrong_value_is_told_with_what_it_may_be() {
    for (text, parts) in [
        ("port = \"eighty\"", ["`port`", "0 to 65535", "\"eighty\""]),
        ("port = 70000", ["`port`", "0 to 65535", "70000"]),
        ("port = -1", ["`port`", "0 to 65535", "-1"]),
        ("address = \"localhost\"", ["`address`", "IP address", "localhost"]),
        ("open_browser = 1", ["`open_browser`", "true or false", "1"]),
        ("model_folders = \"one\"", ["`model_folders`", "list of paths", "one"]),
        ("model_folders = [1]", ["`model_folders`", "list of paths", "1"]),
        ("data = \"\"", ["`data`", "path of a folder", "\"\""]),
        ("[limits]\nmax_side = 1e3", ["`limits.max_side`", "whole number from 64", "1000"]),
        ("[inference]\nweights = \"q5\"", ["`inference.weights`", "\"as-stored\", \"q8_0\", \"q4_k\"", "q5"]),
        (
            "[inference]\nprecision = \"half\"",
            ["`inference.precision`", "\"auto\", \"f32\", \"bf16\", \"f16\"", "half"],
        ),
        ("[inference]\noffload = true", ["`inference.offload`", "\"auto\", \"always\", \"never\"", "true"]),
        ("[jobs]\ncpu_lanes = 0", ["`jobs.cpu_lanes`", "from 1 to 256", "0"]),
        ("[port]\nx = 1", ["`port.x`", "qpyt.toml", "`port`"]),
    ] {
        let message = Start::new().file(text).message();
        for part in parts {
            assert!(message.contains(part), "{text}: {part} is not in: {message}");
        }
    }
    let message = Start::new().variable("QPYT_OPEN_BROWSER", "yes").message();
    assert!(message.contains("`QPYT_OPEN_BROWSER`") && message.contains("true or false"), "{message}");
}

#[test]
fn a_file_that_is_no_toml_is_told_with_the_line() {
    let message = Start::new().file("port = 1\naddress = \n").message();
    assert!(message.contains("qpyt.toml") && message.contains("line 2"), "{message}");
}

#[test]
fn the_memory_for_models_is_what_was_said_or_a_share_of_the_machine() {
    let start = Start::new().variable("QPYT_INFERENCE_MEMORY_BUDGET_MIB", "100");
    assert_eq!(start.load().unwrap().inference.memory_budget_bytes(), 100 << 20);
    let automatic = Start::new().load().unwrap().inference.memory_budget_bytes();
    assert!(automatic > 256 << 20, "{automatic} bytes are too little to be 60 % of a machine");
}
