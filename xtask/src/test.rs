//! `cargo xtask test`: what is checked, in which order, and what each check builds on.
//! Does not know how the things are built that are tested.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Args, ValueEnum};
use console::style;

use crate::cargo;
use crate::chromium;
use crate::firefox;
use crate::foreign;
use crate::node;
use crate::pages;
use crate::process;
use crate::stage::{Outcome, StageError, Stages, Success};
use crate::tracked;
use crate::trainers;
use crate::wasm;
use crate::workspace::Workspace;

/// Tells all tests where the files of MNIST lie.
const MNIST_VARIABLE: &str = "TABSWEEP_MNIST_DIR";
/// The same for a network trained on ImageNet, and photos that it labels.
const IMAGENET_VARIABLE: &str = "TABSWEEP_IMAGENET_DIR";

/// An example of the server's package: fills a database with trials that nobody trained.
const MADE_UP_TRIALS: &str = "many_trials";

/// What to test, and with what.
#[derive(Debug, Default, Args)]
pub struct TestOptions {
    /// Runs one kind of tests only, with what it needs
    #[arg(long)]
    only: Option<Kind>,
    /// Leaves out the slow ones: tests in a browser, documentation, lints that need more tools
    #[arg(long)]
    quick: bool,
    /// Folder with the four files of MNIST; without it, tests on real MNIST are skipped
    #[arg(long, value_name = "DIR", env = MNIST_VARIABLE)]
    mnist: Option<PathBuf>,
    /// Folder with a MobileNet's weights, its labels and photos with the labels that they should get;
    /// without it, tests on real photos are skipped
    #[arg(long, value_name = "DIR", env = IMAGENET_VARIABLE)]
    imagenet: Option<PathBuf>,
}

/// Real data that tests use where it lies.
#[derive(Debug)]
struct RealData {
    what: &'static str,
    option: &'static str,
    variable: &'static str,
    /// Absolute.
    folder: Option<PathBuf>,
}

/// A kind of tests that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Lints and tests of the crates
    Rust,
    /// Types and units of the pages
    Web,
    /// The real server with a real browser
    System,
}

/// What a stage is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Run only where a later stage builds on it.
    Setup,
    /// Run always.
    Test(Kind),
    /// Left out by `--quick`.
    SlowTest(Kind),
}

struct TestStage {
    name: &'static str,
    purpose: Purpose,
    /// Names of the stages that must have passed.
    needs: &'static [&'static str],
    work: fn(&Bench) -> Result<Success, StageError>,
}

/// In the order they run: what fails fast and often goes first.
const STAGES: [TestStage; 20] = [
    TestStage {
        name: "sizes of tracked files",
        purpose: Purpose::Test(Kind::Rust),
        needs: &[],
        work: |bench| Ok(tracked::check_sizes(bench.workspace)?),
    },
    TestStage {
        name: "rustfmt",
        purpose: Purpose::Test(Kind::Rust),
        needs: &[],
        work: |bench| bench.cargo(&["fmt", "--all", "--check"]),
    },
    TestStage {
        name: "clippy",
        purpose: Purpose::Test(Kind::Rust),
        needs: &[],
        work: |bench| bench.clippy(),
    },
    TestStage {
        name: "clippy for wasm",
        purpose: Purpose::SlowTest(Kind::Rust),
        needs: &[],
        work: |bench| Ok(wasm::lint(bench.workspace)?),
    },
    TestStage {
        name: "rustdoc",
        purpose: Purpose::SlowTest(Kind::Rust),
        needs: &[],
        work: |bench| bench.rustdoc(),
    },
    TestStage {
        name: "cargo-deny",
        purpose: Purpose::SlowTest(Kind::Rust),
        needs: &[],
        work: |bench| bench.cargo_tool("deny", &["check", "bans", "licenses", "sources"]),
    },
    TestStage {
        name: "cargo-machete",
        purpose: Purpose::SlowTest(Kind::Rust),
        needs: &[],
        work: |bench| bench.cargo_tool("machete", &[]),
    },
    TestStage {
        name: "Rust tests",
        purpose: Purpose::Test(Kind::Rust),
        needs: &[],
        work: |bench| bench.cargo(&["test", "--release", "--no-fail-fast"]),
    },
    TestStage {
        name: "kills and full disks",
        purpose: Purpose::SlowTest(Kind::Rust),
        needs: &["Rust tests"],
        work: |bench| {
            let test = ["test", "--release", "--test", "faults", "--"];
            bench.cargo(&[&test[..], &["--ignored", "--nocapture", "--test-threads=1"]].concat())
        },
    },
    TestStage {
        name: "exports in other tools",
        purpose: Purpose::SlowTest(Kind::Rust),
        needs: &["Rust tests"],
        work: |bench| bench.foreign_tools(),
    },
    TestStage {
        name: "server",
        purpose: Purpose::Setup,
        needs: &[],
        // As the Rust tests have built it: without them, a few dependencies would have other
        // features, and all that stands on them would be built a second time.
        work: |bench| bench.cargo(&["test", "--release", "--no-run", "--test", "app"]),
    },
    TestStage {
        name: "made-up trials",
        purpose: Purpose::Setup,
        needs: &["server"],
        work: |bench| bench.cargo(&["build", "--release", "--example", MADE_UP_TRIALS]),
    },
    TestStage {
        name: "trainers",
        purpose: Purpose::Setup,
        needs: &[],
        work: |bench| Ok(trainers::build(bench.workspace)?),
    },
    TestStage {
        name: "wasm module",
        purpose: Purpose::Setup,
        needs: &[],
        work: |bench| Ok(wasm::build(bench.workspace)?),
    },
    TestStage {
        name: "npm packages",
        purpose: Purpose::Setup,
        needs: &[],
        work: |bench| Ok(node::install_packages(bench.workspace)?),
    },
    TestStage {
        name: "types of the pages",
        purpose: Purpose::Test(Kind::Web),
        needs: &["wasm module", "npm packages"],
        work: |bench| bench.npm("web", "check", Vec::new()),
    },
    TestStage {
        name: "tests of the pages",
        purpose: Purpose::Test(Kind::Web),
        needs: &["wasm module", "npm packages"],
        work: |bench| bench.npm("web", "test", Vec::new()),
    },
    TestStage {
        name: "pages",
        purpose: Purpose::Setup,
        needs: &["wasm module", "npm packages"],
        work: |bench| Ok(pages::build(bench.workspace)?),
    },
    TestStage {
        name: "Chromium",
        purpose: Purpose::Setup,
        needs: &[],
        work: |bench| bench.chromium(),
    },
    TestStage {
        name: "Firefox",
        // Nothing needs it: without it, trainings in it are left out of the tests.
        purpose: Purpose::SlowTest(Kind::System),
        needs: &[],
        work: |bench| bench.firefox(),
    },
    TestStage {
        name: "tests of the whole system",
        purpose: Purpose::SlowTest(Kind::System),
        needs: &[
            "server",
            "made-up trials",
            "trainers",
            "npm packages",
            "pages",
            "Chromium",
        ],
        work: |bench| bench.system_tests(),
    },
];

/// Runs the tests asked for, all of them whatever fails, and prints a table of how they ended.
#[must_use]
pub fn test(workspace: &Workspace, options: &TestOptions) -> ExitCode {
    let data = match options.real_data() {
        Ok(data) => data,
        Err(error) => {
            eprintln!("a folder of real data can't be used: {error}");
            return ExitCode::FAILURE;
        }
    };
    let bench = Bench { workspace, data };
    bench.announce_data();
    let stages = run_all(&bench, &planned(options.only, options.quick));
    // Once more where nobody can miss it: the first line has long scrolled away.
    bench.announce_data();
    println!("\n{stages}");
    if stages.all_well() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl TestOptions {
    fn real_data(&self) -> std::io::Result<[RealData; 2]> {
        let absolute = |folder: &Option<PathBuf>| folder.as_ref().map(fs::canonicalize).transpose();
        Ok([
            RealData {
                what: "MNIST",
                option: "--mnist",
                variable: MNIST_VARIABLE,
                folder: absolute(&self.mnist)?,
            },
            RealData {
                what: "photos",
                option: "--imagenet",
                variable: IMAGENET_VARIABLE,
                folder: absolute(&self.imagenet)?,
            },
        ])
    }
}

impl RealData {
    fn announce(&self) {
        let Self { what, option, .. } = self;
        match &self.folder {
            Some(folder) => eprintln!("real {what}: {}", folder.display()),
            None => {
                let what = what.to_uppercase();
                let line =
                    format!("TESTS ON REAL {what} ARE SKIPPED: name a folder with {option} DIR");
                eprintln!("{}", style(line).yellow().bold());
            }
        }
    }
}

/// The stages asked for and those they build on, in order.
fn planned(only: Option<Kind>, quick: bool) -> Vec<&'static TestStage> {
    let mut needed: Vec<&str> = Vec::new();
    let mut plan = Vec::new();
    for stage in STAGES.iter().rev() {
        if stage.is_wanted(only, quick) || needed.contains(&stage.name) {
            needed.extend(stage.needs);
            plan.push(stage);
        }
    }
    plan.reverse();
    plan
}

fn run_all(bench: &Bench, plan: &[&TestStage]) -> Stages {
    let mut stages = Stages::new(plan.len());
    let mut passed = Vec::new();
    for stage in plan {
        let missing = stage.needs.iter().find(|name| !passed.contains(*name));
        let outcome = match missing {
            Some(missing) => stages.leave_out(stage.name, missing),
            None => stages.run(stage.name, || (stage.work)(bench)),
        };
        if outcome == Outcome::Passed {
            passed.push(stage.name);
        }
    }
    stages
}

impl TestStage {
    fn is_wanted(&self, only: Option<Kind>, quick: bool) -> bool {
        match self.purpose {
            Purpose::Setup => false,
            Purpose::Test(kind) => only.is_none_or(|only| only == kind),
            Purpose::SlowTest(kind) => !quick && only.is_none_or(|only| only == kind),
        }
    }
}

/// What all stages work with.
struct Bench<'a> {
    workspace: &'a Workspace,
    data: [RealData; 2],
}

impl Bench<'_> {
    fn announce_data(&self) {
        for data in &self.data {
            data.announce();
        }
    }

    /// Where real data lies, for tests.
    fn variables(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        let known = |data: &RealData| Some((data.variable, data.folder.clone()?.into()));
        self.data.iter().filter_map(known)
    }

    fn cargo_command(&self, arguments: &[&str]) -> Command {
        let mut command = cargo::active(self.workspace);
        command.args(arguments).envs(self.variables());
        command
    }

    fn cargo(&self, arguments: &[&str]) -> Result<Success, StageError> {
        process::run(&mut self.cargo_command(arguments))?;
        Ok(Success::Done)
    }

    /// Runs a Cargo subcommand that not everybody has.
    fn cargo_tool(&self, tool: &str, arguments: &[&str]) -> Result<Success, StageError> {
        if which::which(format!("cargo-{tool}")).is_err() {
            let reason = format!("cargo-{tool} is not installed (cargo install cargo-{tool})");
            return Ok(Success::Skipped { reason });
        }
        let mut words = vec![tool];
        words.extend(arguments);
        self.cargo(&words)
    }

    fn clippy(&self) -> Result<Success, StageError> {
        let scope = ["clippy", "--workspace", "--exclude", wasm::PACKAGE];
        let mut command = self.cargo_command(&scope);
        command.args(["--all-targets", "--release", "--", "-D", "warnings"]);
        process::run(&mut command)?;
        Ok(Success::Done)
    }

    fn rustdoc(&self) -> Result<Success, StageError> {
        let mut command = self.cargo_command(&["doc", "--no-deps", "--release"]);
        process::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
        Ok(Success::Done)
    }

    fn npm(
        &self,
        package: &str,
        script: &str,
        mut variables: Vec<(&str, OsString)>,
    ) -> Result<Success, StageError> {
        variables.extend(self.variables());
        node::run_script(self.workspace, package, script, &variables)?;
        Ok(Success::Done)
    }

    fn chromium(&self) -> Result<Success, StageError> {
        let path = chromium::found_or_installed()?;
        eprintln!("  {}", path.display());
        Ok(Success::Done)
    }

    fn firefox(&self) -> Result<Success, StageError> {
        match firefox::found_or_installed() {
            Ok(path) => {
                eprintln!("  {}", path.display());
                Ok(Success::Done)
            }
            Err(error) if error.is_absence() => Ok(Success::Skipped {
                reason: format!("TRAINING IN FIREFOX IS NOT TESTED: {error}"),
            }),
            Err(error) => Err(error.into()),
        }
    }

    fn foreign_tools(&self) -> Result<Success, StageError> {
        let python = match foreign::python(self.workspace) {
            Ok(python) => python,
            Err(error) => {
                let reason = format!("EXPORTS ARE NOT READ BY OTHER TOOLS: {error}");
                return Ok(Success::Skipped { reason });
            }
        };
        let test = ["test", "--release", "--test", "foreign", "--"];
        let arguments = [&test[..], &["--ignored", "--nocapture"]].concat();
        process::run(
            self.cargo_command(&arguments)
                .env("TABSWEEP_PYTHON", python),
        )?;
        Ok(Success::Done)
    }

    fn system_tests(&self) -> Result<Success, StageError> {
        let workspace = self.workspace;
        let unoptimised = workspace.unoptimised_trainer();
        let mut variables = vec![
            (chromium::VARIABLE, chromium::found_or_installed()?.into()),
            ("TABSWEEP_SERVER", workspace.server().into()),
            ("TABSWEEP_PAGES", workspace.pages().into()),
            (
                "TABSWEEP_MADE_UP_TRIALS",
                workspace.example(MADE_UP_TRIALS).into(),
            ),
            ("TABSWEEP_TRAINER", trainers::optimised(workspace).into()),
            ("TABSWEEP_UNOPTIMISED_TRAINER", unoptimised.into()),
        ];
        let firefox = firefox::found()?;
        variables.extend(firefox.map(|path| (firefox::VARIABLE, path.into())));
        self.npm("tests", "test", variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: Option<Kind>, quick: bool) -> Vec<&'static str> {
        let plan = planned(only, quick);
        plan.iter().map(|stage| stage.name).collect()
    }

    #[test]
    fn everything_runs_unless_told_otherwise() {
        let all: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        assert_eq!(names(None, false), all);
    }

    #[test]
    fn one_kind_brings_what_it_needs_and_no_more() {
        assert_eq!(
            names(Some(Kind::Web), false),
            [
                "wasm module",
                "npm packages",
                "types of the pages",
                "tests of the pages"
            ]
        );
        assert_eq!(
            names(Some(Kind::System), false),
            [
                "server",
                "made-up trials",
                "trainers",
                "wasm module",
                "npm packages",
                "pages",
                "Chromium",
                "Firefox",
                "tests of the whole system"
            ]
        );
        assert!(!names(Some(Kind::Rust), false).contains(&"wasm module"));
    }

    #[test]
    fn quick_needs_no_browser() {
        let quick = names(None, true);
        assert!(quick.contains(&"Rust tests") && quick.contains(&"tests of the pages"));
        assert!(!quick.contains(&"Chromium") && !quick.contains(&"Firefox"));
        assert!(!quick.contains(&"rustdoc"));
    }

    #[test]
    fn every_need_is_a_stage_that_runs_before() {
        for (index, stage) in STAGES.iter().enumerate() {
            for need in stage.needs {
                let before = STAGES[..index].iter().any(|earlier| earlier.name == *need);
                assert!(before, "{} needs {need}", stage.name);
            }
        }
    }

    #[test]
    fn what_builds_on_a_failure_is_not_run_and_the_rest_is() {
        const BROKEN: TestStage = TestStage {
            name: "broken",
            purpose: Purpose::Setup,
            needs: &[],
            work: |_| {
                Ok(Success::Skipped {
                    reason: String::new(),
                })
            },
        };
        const DEPENDENT: TestStage = TestStage {
            name: "dependent",
            purpose: Purpose::Setup,
            needs: &["broken"],
            work: |_| panic!("must not run"),
        };
        const SOUND: TestStage = TestStage {
            name: "sound",
            purpose: Purpose::Setup,
            needs: &[],
            work: |_| Ok(Success::Done),
        };
        let workspace = Workspace::found().unwrap();
        let bench = Bench {
            workspace: &workspace,
            data: TestOptions::default().real_data().unwrap(),
        };
        let stages = run_all(&bench, &[&BROKEN, &DEPENDENT, &SOUND]);
        let table = stages.to_string();
        let endings: Vec<_> = table.lines().skip(1).collect();
        assert!(endings[1].contains("not run"), "{table}");
        assert!(endings[2].contains("passed"), "{table}");
        assert!(!stages.all_well());
    }
}
