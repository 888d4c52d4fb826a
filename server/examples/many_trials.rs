//! Fills a study of a stopped server with made-up trials, to see how pages bear tens of thousands of
//! them. For tests only: the scores are a formula's, nothing was trained, and the weights don't exist.
//!
//! `many_trials DATABASE STUDY COUNT` adds trials 0 to COUNT − 1 to a study that has none.

use std::{env, process::ExitCode};

use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use tabsweep_protocol::{Numerics, Parameters, Sha256, TrialNumber, Value, VolunteerId};
use tabsweep_study::{
    Rested, Scores, Study, Timeline, Timestamp, Trial, TrialState, Verified, trial_seed,
};

/// Workers that share the trials, and the volunteers behind them.
const WORKERS: i64 = 64;
const VOLUNTEERS: i64 = 12;
/// Each trial is trained for so long.
const TRIAL_MILLIS: i64 = 60_000;
const EPOCHS: u32 = 4;

#[derive(Debug, thiserror::Error)]
enum FillError {
    #[error("expected `DATABASE STUDY COUNT`")]
    Usage,
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match fill().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn fill() -> Result<(), FillError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [database, id, count] = arguments.as_slice() else {
        return Err(FillError::Usage);
    };
    let id: i64 = id.parse().map_err(|_| FillError::Usage)?;
    let count: u32 = count.parse().map_err(|_| FillError::Usage)?;
    let options = SqliteConnectOptions::new().filename(database);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut tx = connection.begin().await?;
    let row = sqlx::query("SELECT definition, created_millis FROM studies WHERE id = $1")
        .bind(id)
        .fetch_one(&mut *tx)
        .await?;
    let study: Study = serde_json::from_str(row.try_get("definition")?)?;
    let created: i64 = row.try_get("created_millis")?;
    for volunteer in 1..=VOLUNTEERS {
        add_volunteer(&mut tx, volunteer, created).await?;
    }
    for number in 0..count {
        let made = Made::new(&study, number, created);
        add_trial(&mut tx, id, &made).await?;
        add_leases(&mut tx, id, &made).await?;
        add_epochs(&mut tx, id, &made).await?;
    }
    tx.commit().await?;
    connection.close().await?;
    Ok(())
}

/// A trial as it might have gone.
struct Made {
    trial: Trial,
    epochs: u32,
    score: f64,
    worker: i64,
    begin: i64,
    end: i64,
}

impl Made {
    fn new(study: &Study, number: u32, created: i64) -> Self {
        let timeline = Timeline::new(study.objective);
        let number = TrialNumber(number);
        let parameters = study.suggest(timeline.history(), number);
        let score = score(&parameters, number);
        let row = i64::from(number.0);
        let begin = created + row / WORKERS * TRIAL_MILLIS + row % WORKERS * 700;
        let end = begin + TRIAL_MILLIS - 2_000;
        let epochs = if number.0 % 5 == 4 { 1 } else { EPOCHS };
        let seed = trial_seed(study.seed, number);
        let mut trial = Trial::new(number, parameters, seed, Numerics(1));
        trial.attempts = 1;
        trial.state = state(number, score, end);
        Self {
            trial,
            epochs,
            score,
            worker: row % WORKERS,
            begin,
            end,
        }
    }

    fn volunteer(&self) -> i64 {
        self.worker % VOLUNTEERS + 1
    }
}

fn state(number: TrialNumber, validation: f64, end: i64) -> TrialState {
    let volunteer = VolunteerId(1);
    let at = Timestamp(end);
    match number.0 % 100 {
        44 => TrialState::Diverged {
            step: 17,
            volunteer,
        },
        99 => TrialState::Paused(Rested {
            epoch: 1,
            validation,
            volunteer,
            paused: at,
        }),
        rest if rest % 5 == 4 => TrialState::Pruned {
            epoch: 1,
            validation,
            volunteer,
        },
        _ => TrialState::Verified(Verified {
            scores: Scores {
                validation,
                test: validation - 0.001,
            },
            weights_sha256: hash(number),
            volunteer,
            verified: at,
        }),
    }
}

/// Best at a learning rate of 0.01 and with many hidden units, with a little noise.
fn score(parameters: &Parameters, number: TrialNumber) -> f64 {
    let real = |name: &str, usual: f64| match parameters.get(name) {
        Some(Value::Float(value)) => *value,
        Some(Value::Int(value)) => *value as f64,
        _ => usual,
    };
    let rate = real("learning_rate", 0.01).log10() + 2.0;
    let units = real("hidden_units", 128.0);
    let noise = f64::from(number.0.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
    (0.993 - 0.02 * rate * rate - 0.2 / units - 0.004 * noise).clamp(0.1, 0.9999)
}

fn hash(number: TrialNumber) -> Sha256 {
    let text = format!("{:064x}", u64::from(number.0) + 1);
    text.parse().expect("64 hexadecimal digits are a hash")
}

async fn add_volunteer(tx: &mut SqliteConnection, id: i64, now: i64) -> Result<(), FillError> {
    sqlx::query(
        "INSERT INTO volunteers (id, nickname, token_sha256, verified, registered_millis, seen_millis)
         VALUES ($1, $2, $3, $4, $5, $5)",
    )
    .bind(id)
    .bind(format!("made up {id}"))
    .bind(format!("{id:064x}"))
    .bind(1_000_i64)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

async fn add_trial(tx: &mut SqliteConnection, study: i64, made: &Made) -> Result<(), FillError> {
    let trial = &made.trial;
    let verified = match &trial.state {
        TrialState::Verified(verified) => Some(verified),
        _ => None,
    };
    sqlx::query(
        "INSERT INTO trials (study_id, number, state, trial, numerics, validation_score, test_score,
             weights_sha256, volunteer_id, changed_millis)
         VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9)",
    )
    .bind(study)
    .bind(i64::from(trial.number.0))
    .bind(trial.state.name())
    .bind(serde_json::to_string(trial)?)
    .bind(verified.map(|verified| verified.scores.validation))
    .bind(verified.map(|verified| verified.scores.test))
    .bind(verified.map(|verified| verified.weights_sha256.as_str()))
    .bind(verified.map(|_| made.volunteer()))
    .bind(made.end)
    .execute(tx)
    .await?;
    Ok(())
}

/// One lease, and before it, of some, one that was lost.
async fn add_leases(tx: &mut SqliteConnection, study: i64, made: &Made) -> Result<(), FillError> {
    let number = i64::from(made.trial.number.0);
    let middle = made.begin + TRIAL_MILLIS / 3;
    let whole = [(made.begin, made.end, "claimed")];
    let lost = [
        (made.begin, middle, "expired"),
        (middle, made.end, "claimed"),
    ];
    let leases: &[(i64, i64, &str)] = if number % 40 == 7 { &lost } else { &whole };
    for (attempt, (begin, end, ended)) in (1_i64..).zip(leases) {
        sqlx::query(
            "INSERT INTO leases (token, study_id, number, attempt, volunteer_id, worker,
                 granted_millis, ended_millis, ended)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(format!("{:032x}", number * 4 + attempt))
        .bind(study)
        .bind(number)
        .bind(attempt)
        .bind(made.volunteer())
        .bind(format!("{:032x}", made.worker + 1))
        .bind(begin)
        .bind(end)
        .bind(*ended)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

async fn add_epochs(tx: &mut SqliteConnection, study: i64, made: &Made) -> Result<(), FillError> {
    for epoch in 1..=made.epochs {
        let missing = (1.0 - made.score) * f64::from(EPOCHS + 2) / f64::from(epoch + 2);
        let share = f64::from(epoch) / f64::from(made.epochs);
        sqlx::query(
            "INSERT INTO epochs (study_id, number, epoch, step, validation_score, mean_loss,
                 state_sha256, attempt, reported_millis)
             VALUES ($1, $2, $3, $4, $5, 0.1, $6, 1, $7)",
        )
        .bind(study)
        .bind(i64::from(made.trial.number.0))
        .bind(i64::from(epoch))
        .bind(i64::from(epoch) * 400)
        .bind((1.0 - missing).max(0.1))
        .bind(hash(made.trial.number).as_str())
        .bind(made.begin + ((made.end - made.begin) as f64 * share) as i64)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
