//! .NET's behaviour, case by case: where its dialect differs from its neighbours most of all.

use super::matcher::STEP_LIMIT;
use super::*;

fn replace(pattern: &str, text: &str, with: &str) -> String {
    let compiled = Pattern::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let replacement = compiled.replacement(with);
    match compiled.replace(text, &replacement, &Budget::default()) {
        Ok(text) => text.into_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn matches_are_replaced() {
    let cases = [
        // Literals, classes, quantifiers.
        ("a", "banana", "o", "bonono"),
        ("[()\\s-]+", "+1 (999) 888-7777", "", "+19998887777"),
        ("[a-zA-Z_]*", "john_doe72", "", "72"),
        ("(\\.)*$", "jsmith...", "", "jsmith"),
        ("(\\.)*$", "a.b", "", "a.b"),
        ("(\\.)*$", "ab..", "x", "abxx"),
        ("(\\.)*$", "ab..\n", "x", "abxx\nx"),
        ("\\.*\\z", "ab..\n", "x", "ab..\nx"),
        ("(.*?)(?<id>.{0,8})$", "0000000012345", "${id}", "00012345"),
        ("a{2,3}", "aaaaa", "x", "xx"),
        ("a{2,3}?", "aaaaa", "x", "xxa"),
        ("a{,3}", "a{,3} aaa", "x", "x aaa"),
        ("a{1", "a{1 a", "x", "x a"),
        ("x*", "abc", "-", "-a-b-c-"),
        ("x*", "axb", "-", "-a--b-"),
        ("", "ab", "-", "-a-b-"),
        ("a|ab", "ab", "x", "xb"),
        ("(?:a|ab)c", "abc", "x", "x"),
        ("(a|b)*c", "abac", "[$1]", "[a]"),
        ("(a*)*", "b", "[$1]", "[]b[]"),
        ("(a*)+b", "aab", "[$1]", "[]"),
        ("(?>a+)ab", "aaab", "x", "aaab"),
        // Anchors.
        ("$", "a\n", "x", "ax\nx"),
        ("a$", "a\na\n", "x", "a\nx\n"),
        ("(?m)^", "a\nb", ">", ">a\n>b"),
        ("(?m)$", "a\nb", "<", "a<\nb<"),
        ("^a", "aa", "x", "xa"),
        ("\\Aa|\\Gb", "abba", "x", "xxxa"),
        ("\\Ga", "aab a", "x", "xxb a"),
        ("\\Ga", "ba", "x", "ba"),
        ("a\\Z", "a\n", "x", "x\n"),
        ("a\\z", "a\n", "x", "a\n"),
        ("\\bé", "é aé", "x", "x aé"),
        ("\\B.", "abc", "x", "axx"),
        // `.`
        (".", "a\nb\r", "x", "x\nxx"),
        ("(?s).", "a\nb", "x", "xxx"),
        ("[^\\n]", "a\nb", "x", "x\nx"),
        // Unicode.
        ("\\w+", "Zoë_1 Łódź", "x", "x x"),
        ("\\d", "1٣a", "x", "xxa"),
        ("\\s", "a\u{A0}b\u{2003}c", "_", "a_b_c"),
        ("\\p{Lu}", "aÉb", "x", "axb"),
        ("\\P{L}+", "a1-b", "x", "axb"),
        ("\\p{IsBasicLatin}", "aé", "x", "xé"),
        ("\\p{IsCombiningDiacriticalMarks}+", "e\u{301}o\u{308}", "", "eo"),
        ("\\p{IsGreek}", "αἀ", "x", "xἀ"),
        ("[\\p{IsLatin-1Supplement}-[é]]", "éèa", "x", "éxa"),
        ("\\p{IsCyrillic}", "яԀ", "x", "xԀ"),
        // Classes.
        ("[a-z-[aeiou]]", "hello", "_", "_e__o"),
        ("[\\w-[\\d]]", "a1b2", "_", "_1_2"),
        ("[a-z-[d-w-[m]]]", "cdmx", "_", "_d__"),
        ("[^a-z-[A-Z]]", "aA1", "_", "aA_"),
        ("[a&&b]", "a&b|", "_", "___|"),
        ("[*--]", "a,b", "_", "a_b"),
        ("[~~]", "~a", "_", "_a"),
        ("[]a]", "]ab", "_", "__b"),
        ("[^]a]", "]ab", "_", "]a_"),
        ("[a[]", "a[b", "_", "__b"),
        ("[-a]", "-ab", "_", "__b"),
        ("[a-]", "-ab", "_", "__b"),
        ("[\\b]", "a\u{8}b", "_", "a_b"),
        ("[\\w-]", "a-b!", "_", "___!"),
        ("[\\/\\\\\\[\\]\\:\\;\\|\\=\\,\\+\\*\\?\\<\\>]", "a/b\\[c]:;|=,+*?<>", "", "abc"),
        // Escapes.
        ("\\<b\\>", "a<b>", "x", "ax"),
        ("\\<[^>]*\\>", "a<b>c", "", "ac"),
        ("\\x41\\u0042", "AB", "x", "x"),
        ("\\cA\\t\\e", "\u{1}\t\u{1B}", "x", "x"),
        ("\\101\\040\\0", "A \0", "x", "x"),
        ("\\#\\-\\ \\@\\\"", "#- @\"", "x", "x"),
        ("\\uD83D\\uDE00", "😀", "x", "x"),
        ("}", "a}", "x", "ax"),
        ("]", "a]", "x", "ax"),
        // Groups and references.
        ("(?<n>a)(b)\\1", "abb", "[$1|$2]", "[b|a]"),
        ("(?'n'a)\\k'n'", "aa", "x", "x"),
        ("(?<n>a)\\k<n>", "aa", "x", "x"),
        ("(.)\\1", "bbookk", "$1", "bok"),
        ("(?i)(a)\\1", "aA", "x", "x"),
        ("(?<x>a)|(?<x>b)", "ab", "[${x}]", "[a][b]"),
        ("(?<5>a)(b)", "ab", "$5$1", "ab"),
        ("(?n)(a)(?<b>b)", "ab", "$1", "b"),
        ("(a)(b)?", "a", "[$2]", "[]"),
        ("(a)?(?(1)b|c)", "abc", "x", "xx"),
        ("(?<n>a)?(?(n)b|c)", "abc", "x", "xx"),
        ("(?(?=a)a1|b2)", "a1b2", "x", "xx"),
        ("(?(a)a1|b2)", "a1b2", "x", "xx"),
        ("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\\10", "abcdefghijj", "$10", "j"),
        // Look-around; behind it runs from right to left.
        ("(?<=@).*$", "kim@contoso.com", "x", "kim@x"),
        ("(?<!a)b", "abb", "x", "abx"),
        ("b(?=c)", "bcb", "x", "xcb"),
        ("b(?!c)", "bcb", "x", "bcx"),
        ("(?<=(\\d+)(\\d+))x", "123x", "[$1|$2]", "123[1|23]"),
        ("(?<=^|,)a", "a,ab", "x", "x,xb"),
        ("(?<=a+?)b", "aab", "x", "aax"),
        // Options.
        ("(?i)ABC", "abc-ABC", "x", "x-x"),
        ("a(?i)b", "aBAb", "x", "xAb"),
        ("(?i:a)b", "AbAB", "x", "xAB"),
        ("(?i)a(?-i)b", "AbAB", "x", "xAB"),
        ("(?i)[é-ê]", "ÉÊ", "x", "xx"),
        ("(?x) a b # c\n c", "abc", "x", "x"),
        ("a(?#no)b", "ab", "x", "x"),
        ("(?i)straße", "STRAßE", "x", "x"),
        ("a *b", "a  b", "x", "x"),
        ("^*a", "a", "x", "x"),
        ("(?=a)*b", "b", "x", "x"),
        // Loops that must give back.
        ("(?<leadingZeros>^0+)(?<actualValue>[a-zA-Z0-9]+)", "00012345", "${actualValue}", "12345"),
        ("(?<leadingZeros>^0+)(?<actualValue>[a-zA-Z0-9]+)", "000", "${actualValue}", "0"),
        ("a*ab", "aaab", "x", "x"),
        ("[ab]*b", "abba", "x", "xa"),
        ("(\\W|\\w)+=,(\\W|\\w)+", "OU=a,OU=,DC=b", "x", "x"),
        (".*,", "a,b,c", "x", "xc"),
        (".*?,", "a,b,c", "x", "xxc"),
        ("é*é", "éé", "x", "x"),
        ("(?:ab){2}", "ababab", "x", "xab"),
        ("(?:ab){1,2}?", "abab", "x", "xx"),
        ("(?:){1000000}a", "a", "x", "x"),
    ];
    let wrong: Vec<String> = cases
        .into_iter()
        .map(|(pattern, text, with, expected)| (pattern, text, with, expected, replace(pattern, text, with)))
        .filter(|(.., expected, got)| got != expected)
        .map(|(pattern, text, with, expected, got)| {
            format!("{pattern} on {text:?} with {with}: {expected:?}, got {got:?}")
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn replacement_texts() {
    let cases = [
        ("$1x", "1x"),
        ("${1}x", "1x"),
        ("${n}", "2"),
        ("$2", "2"),
        ("$$1", "$1"),
        ("$&", "12"),
        ("$0", "12"),
        ("$`", "<"),
        ("$'", ">"),
        ("$+", "2"),
        ("$_", "<12>"),
        ("$9", "$9"),
        ("${zz}", "${zz}"),
        ("${n", "${n"),
        ("$", "$"),
        ("a$", "a$"),
        ("$é", "$é"),
        ("$10", "$10"),
        ("$N", "$N"),
    ];
    for (with, expected) in cases {
        assert_eq!(replace("(1)(?<n>2)", "<12>", with), format!("<{expected}>"), "{with}");
    }
}

#[test]
fn what_dotnet_refuses_is_refused() {
    let patterns = [
        "(unclosed",
        "closed)",
        "[a",
        "a**",
        "a++",
        "a?+",
        "a{1}{2}",
        "*a",
        "+",
        "{1}",
        "a{2,1}",
        "\\",
        "\\k<x>",
        "(a)\\2",
        "\\p{Latin}",
        "\\p{IsNowhere}",
        "\\pX",
        "\\h",
        "\\K",
        "\\R",
        "\\g<1>",
        "(?P<n>a)",
        "(?~a)",
        "[[:alpha:]]",
        "[z-a]",
        "[a-\\d]",
        "[a-[b]c]",
        "\\x4",
        "\\u12",
        "\\c1",
        "\\_",
        "\\y",
        "(?<a-b>c)",
        "(?<-b>c)",
        "(?<>a)",
        "(?<0>a)",
        "(?(1)a|b)",
        "(?(a)b|c|d)",
        "(?#open",
        "(?",
        "(?i",
        "(?<n",
        "a{99999999999}",
        "(?:ab){20000}",
    ];
    for pattern in patterns {
        assert!(Pattern::new(pattern).is_err(), "{pattern}");
    }
    let deep = "(".repeat(5000) + &")".repeat(5000);
    assert!(Pattern::new(&deep).is_err());
    let conditions = "(?(a)b".repeat(2000) + &")".repeat(2000);
    assert!(Pattern::new(&conditions).is_err());
    let subtractions = "[a-".repeat(2000) + "[b" + &"]".repeat(2001);
    assert!(Pattern::new(&subtractions).is_err());
}

#[test]
fn messages_say_where_and_what_to_do() {
    let message = |pattern: &str| Pattern::new(pattern).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(message("ab(c"), Err("the group never ends (at character 3)".to_owned()));
    assert_eq!(message("a++"), Err("a quantifier follows a quantifier (at character 3)".to_owned()));
    let help = |pattern: &str| Pattern::new(pattern).err().and_then(|error| error.help().map(str::to_owned));
    assert!(help("a++").is_some_and(|help| help.contains("(?>")));
    assert!(help("[[:alpha:]]").is_some_and(|help| help.contains("\\p{L}")));
}

#[test]
fn groups_are_replaced_and_found() {
    let pattern = Pattern::new("id-(?<num>\\d+)").expect("a pattern");
    let group = pattern.group("num").expect("a group");
    let budget = Budget::default();
    assert_eq!(
        pattern.replace_group("id-12 and id-345", group, "9", &budget).as_deref(),
        Ok("id-9 and id-9")
    );
    assert_eq!(pattern.replace_group("none", group, "9", &budget).as_deref(), Ok("none"));
    assert_eq!(pattern.first_group("x id-12", group, &budget), Ok(Some("12")));
    assert_eq!(pattern.first_group("x", group, &budget), Ok(None));
    assert_eq!(pattern.group("other"), None);
}

/// Hostile patterns end within the steps of one evaluation: with a result where a table of failed states helps, else
/// with an error. What a machine makes of 250,000 steps is measured by the benchmark.
#[test]
fn no_pattern_takes_more_steps_than_it_may() {
    let (some, many) = ("a".repeat(300), "a".repeat(3000));
    let cases = [
        ("(a+)+$", format!("{some}b"), Some(false)),
        ("(a|aa)+$", format!("{some}b"), Some(false)),
        ("(a*)*b", some.clone(), Some(false)),
        ("(a+)+$", format!("{many}b"), None),
        ("(.*)(.*)(.*)(.*)x", many.clone(), None),
        ("(a+)+\\1$", format!("{many}b"), None),
        ("(?=(a+)+b)c", many.clone(), None),
        ("a*b", many.clone(), Some(false)),
        ("[ab]*c", some.clone(), Some(false)),
        ("(x+x+)+y", "x".repeat(300), Some(false)),
        ("(?:a?){200}a{200}", "a".repeat(200), None),
        ("(([a-z])+.)+[A-Z]([a-z])+$", many.clone(), None),
        ("[^b]+b[^b]+c", format!("{many}c"), None),
        ("(?<g>a+b)", "a".repeat(100_000), None),
    ];
    for (pattern, text, expected) in cases {
        let compiled = Pattern::new(pattern).expect(pattern);
        let replacement = compiled.replacement("");
        let budget = Budget::default();
        let result = compiled.replace(&text, &replacement, &budget);
        assert!(budget.spent() <= STEP_LIMIT, "{pattern}");
        match &result {
            Ok(replaced) => assert!(expected.is_none() || *replaced == text, "{pattern}"),
            Err(TooManySteps) => assert!(expected.is_none() && budget.spent() == STEP_LIMIT, "{pattern}"),
        }
        // All matches of an evaluation share its steps: when they are gone, the next pattern gets none.
        if result.is_err() {
            assert!(compiled.replace(&text, &replacement, &budget).is_err(), "{pattern}");
            assert_eq!(budget.spent(), STEP_LIMIT, "{pattern}");
        }
    }
}
