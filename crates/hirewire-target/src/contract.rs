//! The cases that every target must pass, whatever is behind it.
//!
//! A target's test gives a [`Shape`] (how its accounts look) and calls [`check`]. Failing cases panic, as tests do.
use hirewire_engine::target::{Applied, Change, MatchKey, Step, Target, TargetError};
use hirewire_engine::value::{Account, AttributeValue, Attributes};

/// How the accounts of a target look.
pub struct Shape {
    /// Attributes of a new account; different tags give accounts that can live beside each other.
    pub create: Box<dyn Fn(&str) -> Attributes + Send + Sync>,
    /// A matching attribute that `create` sets to a value of its own per tag.
    pub key: &'static str,
    /// A text attribute that can be set and cleared, and that `create` does not set.
    pub text: &'static str,
    /// An attribute that refers to another account.
    pub reference: &'static str,
    /// An attribute without which no account can be made.
    pub required: &'static str,
    /// An attribute set by `create` that two accounts cannot share.
    pub unique: &'static str,
    /// A deleted account can be restored.
    pub recycle_bin: bool,
}

/// Runs all cases. Accounts whose tags begin with `prefix` are made and left behind.
pub async fn check<T: Target>(target: &T, shape: &Shape, prefix: &str) {
    let test = Case { target, shape, prefix };
    test.creates_and_finds().await;
    test.answers_in_order().await;
    test.reads_only_what_is_wanted().await;
    test.updates_and_clears().await;
    test.repeats_change_nothing().await;
    test.links_accounts().await;
    test.refuses_one_and_writes_the_others().await;
    test.unknown_anchors_are_gone().await;
    test.enumerates_everybody().await;
    test.deletes().await;
    test.escapes_values().await;
}

struct Case<'a, T> {
    target: &'a T,
    shape: &'a Shape,
    prefix: &'a str,
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.into())
}

fn change(attribute: &str, new: Option<AttributeValue>) -> Change {
    Change { attribute: attribute.into(), old: None, new }
}

impl<T: Target> Case<'_, T> {
    fn attributes(&self, tag: &str) -> Attributes {
        (self.shape.create)(&format!("{}{tag}", self.prefix))
    }

    fn key_of(&self, tag: &str) -> MatchKey {
        let attributes = self.attributes(tag);
        let value = attributes.get(self.shape.key).expect("the shape's key is set by create").clone();
        MatchKey { attribute: self.shape.key.into(), value }
    }

    async fn one(&self, step: Step) -> Result<Applied, TargetError> {
        let mut answers = self.target.apply(&[step]).await;
        assert_eq!(answers.len(), 1, "one step, one answer");
        answers.remove(0)
    }

    async fn made(&self, tag: &str) -> String {
        let step = Step::Create { attributes: self.attributes(tag) };
        let applied = self.one(step).await.unwrap_or_else(|error| panic!("create {tag}: {error}"));
        assert!(applied.changed, "create {tag} says that nothing changed");
        applied.anchor
    }

    async fn update(&self, anchor: &str, changes: Vec<Change>) -> Result<Applied, TargetError> {
        self.one(Step::Update { anchor: anchor.into(), changes }).await
    }

    async fn account(&self, anchor: &str, wanted: &[&str]) -> Option<Account> {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).into()).collect();
        let mut accounts = self.target.read(&[anchor.into()], &wanted).await.expect("read");
        assert_eq!(accounts.len(), 1, "one anchor, one answer");
        accounts.remove(0)
    }

    async fn value(&self, anchor: &str, attribute: &str) -> Option<AttributeValue> {
        self.account(anchor, &[attribute]).await.expect("the account is there").attributes.remove(attribute)
    }

    async fn creates_and_finds(&self) {
        let anchor = self.made("one").await;
        let nobody = MatchKey { attribute: self.shape.key.into(), value: text("no such value") };
        let found = self
            .target
            .find(&[self.key_of("one"), nobody.clone()], &[self.shape.key.into()])
            .await
            .expect("find");
        assert_eq!(found.len(), 2, "one answer per key");
        let [account] = found[0].as_slice() else { panic!("one account expected, found {:?}", found[0]) };
        assert_eq!((account.anchor.as_str(), account.soft_deleted), (anchor.as_str(), false));
        assert_eq!(account.attributes.get(self.shape.key), Some(&self.key_of("one").value));
        assert_eq!(found[1], []);
        assert!(self.target.exists(&self.key_of("one")).await.expect("exists"));
        assert!(!self.target.exists(&nobody).await.expect("exists"));
    }

    async fn answers_in_order(&self) {
        let tags = ["order1", "order2", "order3"];
        let steps: Vec<Step> =
            tags.iter().map(|tag| Step::Create { attributes: self.attributes(tag) }).collect();
        let anchors: Vec<String> = self
            .target
            .apply(&steps)
            .await
            .into_iter()
            .map(|answer| answer.expect("create").anchor)
            .collect();
        let keys: Vec<MatchKey> = tags.iter().rev().map(|tag| self.key_of(tag)).collect();
        let found = self.target.find(&keys, &[]).await.expect("find");
        let found: Vec<&str> = found.iter().map(|accounts| accounts[0].anchor.as_str()).collect();
        assert_eq!(found, anchors.iter().rev().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(self.target.apply(&[]).await, []);
        assert_eq!(self.target.find(&[], &[]).await, Ok(Vec::new()));
    }

    async fn reads_only_what_is_wanted(&self) {
        let anchor = self.made("wanted").await;
        let account = self.account(&anchor, &[self.shape.key]).await.expect("there");
        assert_eq!(account.attributes.keys().collect::<Vec<_>>(), [self.shape.key]);
        assert!(self.account(&anchor, &[]).await.expect("there").attributes.is_empty());
        assert_eq!(self.value(&anchor, self.shape.text).await, None, "no value is no entry");
    }

    async fn updates_and_clears(&self) {
        let anchor = self.made("update").await;
        for value in [Some("Logistics"), Some("Bögel & Söhne, Łódź"), None, Some("again")] {
            let applied =
                self.update(&anchor, vec![change(self.shape.text, value.map(text))]).await.expect("update");
            assert_eq!((applied.anchor.as_str(), applied.changed), (anchor.as_str(), true));
            assert_eq!(self.value(&anchor, self.shape.text).await, value.map(text));
        }
        assert_eq!(
            self.value(&anchor, self.shape.key).await,
            Some(self.key_of("update").value),
            "others stay"
        );
    }

    async fn repeats_change_nothing(&self) {
        let anchor = self.made("repeat").await;
        for value in [Some(text("x")), None] {
            let changes = vec![change(self.shape.text, value.clone())];
            self.update(&anchor, changes.clone()).await.expect("update");
            self.update(&anchor, changes).await.expect("the same update again");
            assert_eq!(self.value(&anchor, self.shape.text).await, value);
        }
        // A create repeated after its answer was lost: the account, or a refusal; never a second account.
        let again = self.one(Step::Create { attributes: self.attributes("repeat") }).await;
        match again {
            Ok(applied) => assert_eq!(applied.anchor, anchor),
            Err(error) => assert!(matches!(error, TargetError::Refused { .. }), "{error}"),
        }
        let found = self.target.find(&[self.key_of("repeat")], &[]).await.expect("find");
        assert_eq!(found[0].len(), 1);
    }

    async fn links_accounts(&self) {
        let (boss, report) = (self.made("boss").await, self.made("report").await);
        let reference = AttributeValue::Reference(boss.clone());
        for (from, to) in [(&report, &boss), (&boss, &report), (&boss, &boss)] {
            let value = AttributeValue::Reference(to.clone());
            self.update(from, vec![change(self.shape.reference, Some(value.clone()))]).await.expect("link");
            assert_eq!(self.value(from, self.shape.reference).await, Some(value));
        }
        self.update(&report, vec![change(self.shape.reference, None)]).await.expect("unlink");
        assert_eq!(self.value(&report, self.shape.reference).await, None);
        let unknown = AttributeValue::Reference("00000000-0000-4000-8000-000000000000".into());
        let refused = self.update(&report, vec![change(self.shape.reference, Some(unknown))]).await;
        assert!(refused.is_err(), "a reference to nobody");
        self.update(&report, vec![change(self.shape.reference, Some(reference))]).await.expect("link again");
    }

    async fn refuses_one_and_writes_the_others(&self) {
        let mut incomplete = self.attributes("incomplete");
        incomplete.remove(self.shape.required);
        let mut taken = self.attributes("taken");
        taken.insert(self.shape.unique.into(), self.attributes("one")[self.shape.unique].clone());
        let steps = [
            Step::Create { attributes: self.attributes("before") },
            Step::Create { attributes: incomplete },
            Step::Create { attributes: taken },
            Step::Create { attributes: self.attributes("after") },
        ];
        let answers = self.target.apply(&steps).await;
        assert!(answers[0].is_ok() && answers[3].is_ok(), "{answers:?}");
        assert!(matches!(answers[1], Err(TargetError::Refused { .. })), "{:?}", answers[1]);
        assert!(matches!(answers[2], Err(TargetError::Refused { .. })), "{:?}", answers[2]);
        let keys = ["before", "incomplete", "taken", "after"].map(|tag| self.key_of(tag));
        let found = self.target.find(&keys, &[]).await.expect("find");
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 0, 1]);
    }

    async fn unknown_anchors_are_gone(&self) {
        for anchor in ["5d0c9f3e-8a47-4b0d-9a52-2f6f3d1c7e10", "no anchor at all", ""] {
            let update = self.update(anchor, vec![change(self.shape.text, Some(text("x")))]).await;
            assert!(matches!(update, Err(TargetError::Gone { .. })), "{anchor}: {update:?}");
            assert_eq!(self.account(anchor, &[]).await, None);
        }
    }

    async fn enumerates_everybody(&self) {
        let mut seen = Vec::new();
        let mut each = |account: Account| seen.push(account);
        self.target.enumerate(&[self.shape.key.into()], &mut each).await.expect("enumerate");
        for tag in ["one", "order1", "order2", "order3", "after"] {
            let key = self.key_of(tag).value;
            let hits = seen.iter().filter(|account| account.attributes.get(self.shape.key) == Some(&key));
            assert_eq!(hits.count(), 1, "{tag}");
        }
    }

    async fn deletes(&self) {
        let anchor = self.made("deleted").await;
        let delete = Step::Delete { anchor: anchor.clone() };
        assert!(self.one(delete.clone()).await.expect("delete").changed);
        let again = self.one(delete).await;
        assert!(
            matches!(again, Ok(Applied { changed: false, .. }) | Err(TargetError::Gone { .. })),
            "deleting twice: {again:?}"
        );
        assert!(!self.target.exists(&self.key_of("deleted")).await.expect("exists"), "its values are free");
        let account = self.account(&anchor, &[self.shape.key]).await;
        if !self.shape.recycle_bin {
            assert_eq!(account, None);
            return;
        }
        assert!(account.expect("in the recycle bin").soft_deleted);
        let restore = Step::Restore { anchor: anchor.clone() };
        assert!(self.one(restore.clone()).await.expect("restore").changed);
        assert!(!self.one(restore).await.expect("restore again").changed);
        assert!(!self.account(&anchor, &[]).await.expect("there").soft_deleted);
        assert!(self.target.exists(&self.key_of("deleted")).await.expect("exists"));
    }

    async fn escapes_values(&self) {
        let anchor = self.made("escape").await;
        for value in
            ["O'Brien", "a*b", "(x)", "back\\slash", "100%", "semi;colon, comma", "\"quoted\"", "a=b+c<d>#"]
        {
            // Accounts of an earlier run may hold the same text.
            let value = format!("{value} {}", self.prefix);
            self.update(&anchor, vec![change(self.shape.text, Some(text(&value)))]).await.expect("update");
            assert_eq!(self.value(&anchor, self.shape.text).await, Some(text(&value)));
            let key = MatchKey { attribute: self.shape.text.into(), value: text(&value) };
            let found = self.target.find(std::slice::from_ref(&key), &[]).await.expect("find");
            let found: Vec<&str> = found[0].iter().map(|account| account.anchor.as_str()).collect();
            assert_eq!(found, [anchor.as_str()], "{value}");
        }
    }
}
