//! What must survive: the lock, the key, a full disk, a backup under load, a killed writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hes_model::{Quality, Task};
use hes_store::{BackupError, MasterKey, OpenError, Store, StoreConfig, StoreError, restore};
use jiff::civil::date;
use jiff::tz::TimeZone;
use prometheus::Registry;

use crate::bench::{Bench, IMPORT, TODAY, config, open, record, row, zone};

#[tokio::test]
async fn a_second_server_is_refused_with_the_file_named_until_the_first_is_gone() {
    let bench = Bench::with_meters(1).await;
    let refused = open(bench.dir.path(), &bench.key).await.unwrap_err();
    assert!(matches!(&refused, OpenError::Locked { file } if file.ends_with("hes.lock")), "{refused}");
    assert!(refused.to_string().contains("stop it first"), "{refused}");
    bench.store.close().await.unwrap();
    open(bench.dir.path(), &bench.key).await.unwrap();
}

#[tokio::test]
async fn another_master_key_or_zone_is_refused_at_once() {
    let bench = Bench::with_meters(1).await;
    bench.store.close().await.unwrap();
    let wrong = open(bench.dir.path(), &MasterKey::generate()).await.unwrap_err();
    assert!(matches!(wrong, OpenError::WrongKey), "{wrong}");
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let elsewhere = Store::open(config(bench.dir.path()), berlin, &bench.key, &Registry::new()).await.unwrap_err();
    assert!(elsewhere.to_string().contains("Asia/Shanghai"), "{elsewhere}");
    open(bench.dir.path(), &bench.key).await.unwrap();
}

#[tokio::test]
async fn everything_committed_is_there_after_the_process_ends_without_closing() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    bench.read(bench.daily(meter, TODAY, 5)).await;
    // As after a kill: the files as they are now, log and all, without a last checkpoint.
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(bench.dir.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "hes.db-shm" {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let store = open(copy.path(), &bench.key).await.unwrap();
    let found = store.reading_versions(meter, IMPORT, hes_model::Series::Daily, bench.midnight(TODAY)).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn when_the_database_is_full_nothing_is_dropped_and_writing_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let key = MasterKey::generate();
    let small = StoreConfig { max_size_mib: 1, pending_readings: 200, ..config(dir.path()) };
    let store = Store::open(small, zone(), &key, &Registry::new()).await.unwrap();
    let bench = Bench { store, key, dir };
    bench.channel("bus1").await;
    bench.import((1..=50).map(row).collect()).await;
    let meter = bench.meter("M1").await;
    let full = |n: i8| {
        let mut dialogue = record(
            (0..24)
                .map(|h| {
                    let slot = hes_model::UtcMicros(bench.midnight(date(2026, 10, n)).0 + h * 3_600_000_000);
                    let mut reading = bench.reading(meter, hes_model::Series::Instant, slot, h);
                    reading.quality = Quality::Good;
                    reading
                })
                .collect(),
        );
        dialogue.exchanges[0].answer = vec![0x55; 60_000];
        dialogue
    };
    let mut stuck = None;
    for n in 1..=28 {
        let writer = bench.store.writer().clone();
        let permit = writer.reserve(24).await.unwrap();
        let dialogue = full(n);
        let mut task = tokio::spawn(async move { writer.record(permit, dialogue).await });
        tokio::select! {
            done = &mut task => { done.unwrap().unwrap(); }
            () = until_full(&bench.store) => { stuck = Some((n, task)); break; }
        }
    }
    let (n, task) = stuck.expect("one mebibyte is not enough for 28 times 60 kB");
    assert!(matches!(bench.store.ping().await, Err(StoreError::Full)));
    // Room for 200 readings was promised, 24 are pending: bulk reading stops when the rest is gone.
    let rest = bench.store.writer().reserve(176).await.unwrap();
    let more = tokio::time::timeout(Duration::from_millis(50), bench.store.writer().reserve(1)).await;
    assert!(more.is_err(), "no room may be promised");
    drop(rest);
    // Somebody makes room: old evidence goes.
    bench.store.purge(hes_model::UtcMicros(bench.now().0 + 402 * 86_400_000_000)).await.unwrap();
    task.await.unwrap().unwrap();
    bench.store.ping().await.unwrap();
    let first = bench.midnight(date(2026, 10, n));
    let found = bench.store.reading_versions(meter, IMPORT, hes_model::Series::Instant, first).await.unwrap();
    assert_eq!(found.len(), 1, "what waited is stored");
}

async fn until_full(store: &Store) {
    while store.ping().await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_under_load_is_consistent_and_can_be_restored() {
    let bench = Bench::with_meters(20).await;
    bench.plan("night", Task::Daily { registers: vec![IMPORT] }, date(2026, 11, 1)).await;
    let going = Arc::new(AtomicBool::new(true));
    let load = tokio::spawn({
        let (store, going) = (bench.store.clone(), Arc::clone(&going));
        let dialogues: Vec<_> = (0..400_u32)
            .map(|n| {
                let day = date(2026, 11, 1 + i8::try_from(n % 24).unwrap());
                let meter = hes_model::MeterId(1 + i64::from(n % 20));
                record(vec![bench.daily(meter, day, i64::from(n))])
            })
            .collect();
        async move {
            let mut committed = 0;
            for dialogue in dialogues {
                let permit = store.writer().reserve(1).await.unwrap();
                store.writer().record(permit, dialogue).await.unwrap();
                committed += 1;
                if !going.load(Ordering::Relaxed) {
                    break;
                }
            }
            committed
        }
    });
    let file = bench.dir.path().join("copy.db");
    bench.store.backup(&file).await.unwrap();
    let again = bench.store.backup(&file).await.unwrap_err();
    assert!(matches!(again, BackupError::Exists { .. }), "{again}");
    going.store(false, Ordering::Relaxed);
    assert!(load.await.unwrap() > 0);

    let refused = restore(&file, bench.dir.path()).await.unwrap_err();
    assert!(matches!(refused, BackupError::Open(OpenError::Locked { .. })), "{refused}");

    let elsewhere = tempfile::tempdir().unwrap();
    restore(&file, elsewhere.path()).await.unwrap();
    let store = open(elsewhere.path(), &bench.key).await.unwrap();
    let report = store.check().await.unwrap();
    assert_eq!(report.findings, Vec::<String>::new());
    assert!(report.readings <= bench.store.check().await.unwrap().readings);
}

#[tokio::test]
async fn restoring_keeps_what_was_there_and_refuses_what_is_no_backup() {
    let bench = Bench::with_meters(1).await;
    let file = bench.dir.path().join("copy.db");
    bench.store.backup(&file).await.unwrap();
    bench.import(vec![row(2)]).await;
    bench.store.close().await.unwrap();

    let other = bench.dir.path().join("other.txt");
    std::fs::write(&other, b"not a database at all").unwrap();
    let refused = restore(&other, bench.dir.path()).await.unwrap_err();
    assert!(matches!(refused, BackupError::NotABackup { .. }), "{refused}");

    restore(&file, bench.dir.path()).await.unwrap();
    let store = open(bench.dir.path(), &bench.key).await.unwrap();
    assert!(store.meter(&row(1).no).await.unwrap().is_some());
    assert!(store.meter(&row(2).no).await.unwrap().is_none());
    assert!(bench.dir.path().join("hes.db.before-restore").exists());
}

#[tokio::test]
async fn a_number_given_out_after_the_backup_is_not_given_to_another_reading_after_the_restore() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    bench.read(bench.daily(meter, date(2026, 11, 1), 100)).await;
    let file = bench.dir.path().join("copy.db");
    bench.store.backup(&file).await.unwrap();
    bench.read(bench.daily(meter, date(2026, 11, 2), 200)).await;
    let given_out = bench.store.last_seq().await.unwrap();
    bench.store.close().await.unwrap();

    restore(&file, bench.dir.path()).await.unwrap();
    let store = open(bench.dir.path(), &bench.key).await.unwrap();
    assert!(store.is_cursor(given_out).await.unwrap());
    let permit = store.writer().reserve(1).await.unwrap();
    store.writer().record(permit, record(vec![bench.daily(meter, date(2026, 11, 3), 300)])).await.unwrap();
    assert!(store.last_seq().await.unwrap() > given_out);
}

#[tokio::test]
async fn a_number_given_out_before_a_power_cut_is_not_given_to_another_reading_after_it() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    bench.read(bench.daily(meter, date(2026, 11, 1), 100)).await;
    let log = bench.dir.path().join("hes.db-wal");
    let on_the_disk = usize::try_from(std::fs::metadata(&log).unwrap().len()).unwrap();
    bench.read(bench.daily(meter, date(2026, 11, 2), 200)).await;
    let cursor = bench.store.last_seq().await.unwrap();

    // A power cut leaves the log as far as it happened to be on the disk: without its last batch.
    let left = tempfile::tempdir().unwrap();
    std::fs::copy(bench.store.file(), left.path().join("hes.db")).unwrap();
    std::fs::write(left.path().join("hes.db-wal"), &std::fs::read(&log).unwrap()[..on_the_disk]).unwrap();
    let store = open(left.path(), &bench.key).await.unwrap();
    assert!(store.last_seq().await.unwrap() < cursor, "the last batch is to be lost");
    assert!(store.is_cursor(cursor).await.unwrap(), "it was given, whatever became of its reading");
    let permit = store.writer().reserve(1).await.unwrap();
    store.writer().record(permit, record(vec![bench.daily(meter, date(2026, 11, 3), 300)])).await.unwrap();

    let last = store.last_seq().await.unwrap();
    assert!(!store.is_cursor(hes_model::ReadingSeq(last.0 + 1)).await.unwrap(), "the next number is to be given yet");
    let later = store.daily_since(cursor, 10).await.unwrap();
    let days: Vec<_> = later.iter().map(|row| store.calendar().day_of(row.version.reading.slot)).collect();
    assert_eq!(days, [date(2026, 11, 3)], "whoever asks with its cursor gets what came after the power cut");
    assert_eq!(store.check().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_too_old_goes_by_itself_every_hour_while_the_clock_is_proven() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    bench.read(bench.daily(meter, TODAY, 5)).await;
    let much_later = hes_model::UtcMicros(bench.now().0 + 402 * 86_400_000_000);
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::time::pause();
    let proven = Arc::new(AtomicBool::new(false));
    let looked = Arc::new(AtomicBool::new(false));
    let clock = {
        let (proven, looked) = (Arc::clone(&proven), Arc::clone(&looked));
        move || {
            looked.store(true, Ordering::Relaxed);
            proven.load(Ordering::Relaxed).then_some(much_later)
        }
    };
    let purging = tokio::spawn(bench.store.clone().keep_within_retention(clock, stop.clone()));
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(3601)).await;
    while !looked.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    proven.store(true, Ordering::Relaxed);
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(3601)).await;
    tokio::time::resume();
    while bench.store.evidence_size().await.unwrap().exchanges > 0 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    purging.await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn database_backup_and_restored_database_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |file: &std::path::Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    let bench = Bench::with_meters(1).await;
    assert_eq!(mode(bench.store.file()), 0o600);
    assert_eq!(mode(&bench.dir.path().join("hes.db-wal")), 0o600);
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("b.db");
    bench.store.backup(&backup).await.unwrap();
    assert_eq!(mode(&backup), 0o600);
    std::fs::set_permissions(&backup, std::fs::Permissions::from_mode(0o644)).unwrap();
    let elsewhere = folder.path().join("restored");
    restore(&backup, &elsewhere).await.unwrap();
    assert_eq!(mode(&elsewhere.join("hes.db")), 0o600);
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing_behind() {
    let bench = Bench::with_meters(1).await;
    bench.store.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(bench.dir.path().join("hes.db"), vec![0x5a; 8192]).unwrap();
    bench.store.backup(&folder.path().join("b.db")).await.unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
