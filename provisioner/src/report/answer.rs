//! Lines of standard input as answers to questions.
//!
//! A read of a terminal cannot be cancelled. The thread of an abandoned question therefore keeps waiting, and the next
//! question takes over its read: a second thread would compete with it for the answer.

use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot::{self, Receiver};

/// The answers that one input gives.
#[derive(Debug)]
pub(super) struct Answers {
    read: fn() -> io::Result<String>,
    /// The read of an abandoned question.
    abandoned: Mutex<Option<Receiver<io::Result<String>>>>,
}

/// The answers of standard input.
pub(super) static STDIN: Answers = Answers::new(|| {
    let mut line = String::new();
    io::stdin().read_line(&mut line).map(|_| line)
});

impl Answers {
    const fn new(read: fn() -> io::Result<String>) -> Self {
        Self { read, abandoned: Mutex::new(None) }
    }

    /// The next line; empty where the input has ended. A line that was typed before this call is no answer to it, if an
    /// abandoned question has read it.
    pub(super) async fn next(&self) -> io::Result<String> {
        let abandoned = self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).take();
        let still_reads = |mut receiver: Receiver<_>| {
            matches!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Empty)).then_some(receiver)
        };
        let receiver = abandoned.and_then(still_reads).unwrap_or_else(|| {
            let (send, receiver) = oneshot::channel();
            let read = self.read;
            // The thread may wait for a line that never comes; it ends with the process.
            std::thread::spawn(move || drop(send.send(read())));
            receiver
        });
        let mut waiting = Waiting { answers: self, receiver: Some(receiver) };
        let line = match &mut waiting.receiver {
            Some(receiver) => receiver.await,
            None => return Ok(String::new()),
        };
        waiting.receiver = None;
        line.unwrap_or_else(|_| Ok(String::new()))
    }
}

/// A read that is kept for the next question when its own is abandoned.
struct Waiting<'a> {
    answers: &'a Answers,
    receiver: Option<Receiver<io::Result<String>>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            *self.answers.abandoned.lock().unwrap_or_else(PoisonError::into_inner) = Some(receiver);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver as Lines, Sender, channel};
    use std::sync::{LazyLock, MutexGuard};

    use super::*;

    /// The two ends of a queue of lines.
    type Input = (Mutex<Sender<&'static str>>, Mutex<Lines<&'static str>>);

    static INPUT: LazyLock<Input> = LazyLock::new(|| {
        let (send, lines) = channel();
        (Mutex::new(send), Mutex::new(lines))
    });
    static READS: AtomicUsize = AtomicUsize::new(0);

    fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }

    fn typed(line: &'static str) {
        locked(&INPUT.0).send(line).unwrap();
    }

    #[tokio::test]
    async fn an_abandoned_question_does_not_take_the_answer_of_the_next() {
        let answers = Answers::new(|| {
            READS.fetch_add(1, Ordering::SeqCst);
            Ok(locked(&INPUT.1).recv().unwrap_or_default().to_owned())
        });
        let abandon = async |answers: &Answers| {
            tokio::select! {
                biased;
                _ = answers.next() => panic!("nobody has answered"),
                () = std::future::ready(()) => {}
            }
        };
        abandon(&answers).await;
        abandon(&answers).await;
        typed("yes");
        assert_eq!(answers.next().await.unwrap(), "yes");
        assert_eq!(READS.load(Ordering::SeqCst), 1);

        // What was typed before the question is not its answer.
        abandon(&answers).await;
        typed("early");
        while locked(&answers.abandoned).as_mut().is_none_or(|receiver| receiver.is_empty()) {
            tokio::task::yield_now().await;
        }
        typed("late");
        assert_eq!(answers.next().await.unwrap(), "late");
    }
}
