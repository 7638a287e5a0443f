//! How long does it take to draw a frame, and to take an update in, on the largest table a dashboard is made for?
//! 16 ms and 5 ms are promised, on a screen of 200 columns and 60 rows.

#![allow(missing_docs, reason = "criterion's macros make a function")]
#![allow(clippy::expect_used, reason = "a bench that can not be set up is a mistake in it")]

#[path = "../tests/scenes/crowd.rs"]
mod crowd;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use leasehold_tui::watch::draw::draw;
use leasehold_tui::watch::input::Input;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

fn dashboard(criterion: &mut Criterion) {
    let mut dashboard = crowd::dashboard();
    let area = Rect::new(0, 0, dashboard.size.0, dashboard.size.1);
    criterion.bench_function("draw a frame of 10,000 pools", |bench| {
        let mut buffer = Buffer::empty(area);
        bench.iter(|| {
            buffer.reset();
            draw(black_box(&dashboard), area, &mut buffer);
        });
    });
    let (mut number, mut later) = (0, 1);
    criterion.bench_function("take in a look at one of 10,000 pools", |bench| {
        let next = || {
            number = (number + 7_919) % crowd::POOLS;
            later += 1;
            Input::Seen(Box::new(crowd::look(number, later)))
        };
        bench.iter_batched(next, |input| dashboard.apply(input), BatchSize::SmallInput);
    });
    criterion.bench_function("take in a key among 10,000 pools", |bench| {
        let key = KeyEvent::new(KeyCode::Down, KeyModifiers::NONE);
        bench.iter(|| dashboard.apply(Input::Key(key)));
    });
}

criterion_group!(benches, dashboard);
criterion_main!(benches);
