//! Cultures: number separators, currency, names of months and days, date patterns (`spec/workflows.md` §5.1, §5.7).
//!
//! One row per culture that HR data in Europe and the Americas meets. Other well-formed names behave like their
//! language, and unknown languages like the invariant culture, which .NET with ICU does for names it has no data for.

/// What formatting and parsing need to know of a culture.
#[derive(Debug)]
pub(crate) struct Culture {
    pub(crate) tag: &'static str,
    pub(crate) decimal: &'static str,
    pub(crate) group: &'static str,
    /// Currency symbol and its place: `$n`, `n $`.
    pub(crate) currency: &'static str,
    /// Pattern of percentages: `n%`, `n %`.
    pub(crate) percent: &'static str,
    /// Order of a numeric date: `mdy`, `dmy` or `ymd`.
    pub(crate) order: &'static str,
    pub(crate) date_separator: &'static str,
    pub(crate) short_date: &'static str,
    pub(crate) long_date: &'static str,
    pub(crate) short_time: &'static str,
    pub(crate) long_time: &'static str,
    pub(crate) month_day: &'static str,
    pub(crate) year_month: &'static str,
    pub(crate) language: &'static Language,
}

/// Names in a language.
#[derive(Debug)]
pub(crate) struct Language {
    pub(crate) months: [&'static str; 12],
    pub(crate) short_months: [&'static str; 12],
    /// From Sunday.
    pub(crate) days: [&'static str; 7],
    /// From Sunday.
    pub(crate) short_days: [&'static str; 7],
    pub(crate) halves: [&'static str; 2],
}

static ENGLISH: Language = Language {
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    short_months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    days: ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
    short_days: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
    halves: ["AM", "PM"],
};
static GERMAN: Language = Language {
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    short_months: [
        "Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez.",
    ],
    days: ["Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"],
    short_days: ["So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"],
    halves: ["AM", "PM"],
};
static FRENCH: Language = Language {
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    short_months: [
        "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.",
    ],
    days: ["dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"],
    short_days: ["dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."],
    halves: ["AM", "PM"],
};
static SPANISH: Language = Language {
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    short_months: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"],
    days: ["domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"],
    short_days: ["dom", "lun", "mar", "mié", "jue", "vie", "sáb"],
    halves: ["a. m.", "p. m."],
};
static ITALIAN: Language = Language {
    months: [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
    short_months: ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
    days: ["domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"],
    short_days: ["dom", "lun", "mar", "mer", "gio", "ven", "sab"],
    halves: ["AM", "PM"],
};
static DUTCH: Language = Language {
    months: [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    short_months: [
        "jan.", "feb.", "mrt.", "apr.", "mei", "jun.", "jul.", "aug.", "sep.", "okt.", "nov.", "dec.",
    ],
    days: ["zondag", "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag"],
    short_days: ["zo", "ma", "di", "wo", "do", "vr", "za"],
    halves: ["a.m.", "p.m."],
};
static PORTUGUESE: Language = Language {
    months: [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    short_months: [
        "jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez.",
    ],
    days: [
        "domingo",
        "segunda-feira",
        "terça-feira",
        "quarta-feira",
        "quinta-feira",
        "sexta-feira",
        "sábado",
    ],
    short_days: ["dom.", "seg.", "ter.", "qua.", "qui.", "sex.", "sáb."],
    halves: ["AM", "PM"],
};
static SWEDISH: Language = Language {
    months: [
        "januari",
        "februari",
        "mars",
        "april",
        "maj",
        "juni",
        "juli",
        "augusti",
        "september",
        "oktober",
        "november",
        "december",
    ],
    short_months: [
        "jan.", "feb.", "mars", "apr.", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec.",
    ],
    days: ["söndag", "måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag"],
    short_days: ["sön", "mån", "tis", "ons", "tors", "fre", "lör"],
    halves: ["fm", "em"],
};
static DANISH: Language = Language {
    months: [
        "januar",
        "februar",
        "marts",
        "april",
        "maj",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "december",
    ],
    short_months: [
        "jan.", "feb.", "mar.", "apr.", "maj", "jun.", "jul.", "aug.", "sep.", "okt.", "nov.", "dec.",
    ],
    days: ["søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"],
    short_days: ["søn.", "man.", "tir.", "ons.", "tor.", "fre.", "lør."],
    halves: ["AM", "PM"],
};
static NORWEGIAN: Language = Language {
    months: [
        "januar",
        "februar",
        "mars",
        "april",
        "mai",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "desember",
    ],
    short_months: [
        "jan.", "feb.", "mars", "apr.", "mai", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "des.",
    ],
    days: ["søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"],
    short_days: ["søn.", "man.", "tir.", "ons.", "tor.", "fre.", "lør."],
    halves: ["a.m.", "p.m."],
};
static FINNISH: Language = Language {
    months: [
        "tammikuu",
        "helmikuu",
        "maaliskuu",
        "huhtikuu",
        "toukokuu",
        "kesäkuu",
        "heinäkuu",
        "elokuu",
        "syyskuu",
        "lokakuu",
        "marraskuu",
        "joulukuu",
    ],
    short_months: [
        "tammi", "helmi", "maalis", "huhti", "touko", "kesä", "heinä", "elo", "syys", "loka", "marras",
        "joulu",
    ],
    days: ["sunnuntai", "maanantai", "tiistai", "keskiviikko", "torstai", "perjantai", "lauantai"],
    short_days: ["su", "ma", "ti", "ke", "to", "pe", "la"],
    halves: ["ap.", "ip."],
};
static POLISH: Language = Language {
    months: [
        "styczeń",
        "luty",
        "marzec",
        "kwiecień",
        "maj",
        "czerwiec",
        "lipiec",
        "sierpień",
        "wrzesień",
        "październik",
        "listopad",
        "grudzień",
    ],
    short_months: ["sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"],
    days: ["niedziela", "poniedziałek", "wtorek", "środa", "czwartek", "piątek", "sobota"],
    short_days: ["niedz.", "pon.", "wt.", "śr.", "czw.", "pt.", "sob."],
    halves: ["AM", "PM"],
};
static ICELANDIC: Language = Language {
    months: [
        "janúar",
        "febrúar",
        "mars",
        "apríl",
        "maí",
        "júní",
        "júlí",
        "ágúst",
        "september",
        "október",
        "nóvember",
        "desember",
    ],
    short_months: [
        "jan.", "feb.", "mar.", "apr.", "maí", "jún.", "júl.", "ágú.", "sep.", "okt.", "nóv.", "des.",
    ],
    days: [
        "sunnudagur",
        "mánudagur",
        "þriðjudagur",
        "miðvikudagur",
        "fimmtudagur",
        "föstudagur",
        "laugardagur",
    ],
    short_days: ["sun.", "mán.", "þri.", "mið.", "fim.", "fös.", "lau."],
    halves: ["f.h.", "e.h."],
};

macro_rules! culture {
    ($tag:literal $language:ident, $decimal:literal $group:literal $currency:literal $percent:literal, $order:literal $separator:literal, $d:literal $D:literal, $t:literal $T:literal, $M:literal $Y:literal) => {
        Culture {
            tag: $tag,
            decimal: $decimal,
            group: $group,
            currency: $currency,
            percent: $percent,
            order: $order,
            date_separator: $separator,
            short_date: $d,
            long_date: $D,
            short_time: $t,
            long_time: $T,
            month_day: $M,
            year_month: $Y,
            language: &$language,
        }
    };
}

/// The first row of a language is the one its other regions fall back to.
#[rustfmt::skip]
static ALL: &[Culture] = &[
    culture!("en-US" ENGLISH, "." "," "$n" "n%", "mdy" "/", "M/d/yyyy" "dddd, MMMM d, yyyy", "h:mm tt" "h:mm:ss tt", "MMMM d" "MMMM yyyy"),
    culture!("en-GB" ENGLISH, "." "," "£n" "n%", "dmy" "/", "dd/MM/yyyy" "dddd, d MMMM yyyy", "HH:mm" "HH:mm:ss", "d MMMM" "MMMM yyyy"),
    culture!("en-IE" ENGLISH, "." "," "€n" "n%", "dmy" "/", "dd/MM/yyyy" "dddd d MMMM yyyy", "HH:mm" "HH:mm:ss", "d MMMM" "MMMM yyyy"),
    culture!("en-AU" ENGLISH, "." "," "$n" "n%", "dmy" "/", "d/MM/yyyy" "dddd, d MMMM yyyy", "h:mm tt" "h:mm:ss tt", "d MMMM" "MMMM yyyy"),
    culture!("en-NZ" ENGLISH, "." "," "$n" "n%", "dmy" "/", "d/MM/yyyy" "dddd, d MMMM yyyy", "h:mm tt" "h:mm:ss tt", "d MMMM" "MMMM yyyy"),
    culture!("en-IN" ENGLISH, "." "," "₹n" "n%", "dmy" "/", "dd/MM/yyyy" "dddd, d MMMM, yyyy", "h:mm tt" "h:mm:ss tt", "d MMMM" "MMMM yyyy"),
    culture!("en-CA" ENGLISH, "." "," "$n" "n%", "ymd" "-", "yyyy-MM-dd" "dddd, MMMM d, yyyy", "h:mm tt" "h:mm:ss tt", "MMMM d" "MMMM yyyy"),
    culture!("de-DE" GERMAN, "," "." "n €" "n %", "dmy" ".", "dd.MM.yyyy" "dddd, d. MMMM yyyy", "HH:mm" "HH:mm:ss", "d. MMMM" "MMMM yyyy"),
    culture!("de-AT" GERMAN, "," "\u{a0}" "€ n" "n %", "dmy" ".", "dd.MM.yyyy" "dddd, d. MMMM yyyy", "HH:mm" "HH:mm:ss", "d. MMMM" "MMMM yyyy"),
    culture!("de-CH" GERMAN, "." "’" "CHF n" "n%", "dmy" ".", "dd.MM.yyyy" "dddd, d. MMMM yyyy", "HH:mm" "HH:mm:ss", "d. MMMM" "MMMM yyyy"),
    culture!("fr-FR" FRENCH, "," "\u{202f}" "n €" "n %", "dmy" "/", "dd/MM/yyyy" "dddd d MMMM yyyy", "HH:mm" "HH:mm:ss", "d MMMM" "MMMM yyyy"),
    culture!("fr-CH" FRENCH, "," "\u{202f}" "n CHF" "n %", "dmy" ".", "dd.MM.yyyy" "dddd, d MMMM yyyy", "HH:mm" "HH:mm:ss", "d MMMM" "MMMM yyyy"),
    culture!("fr-CA" FRENCH, "," "\u{a0}" "n $" "n %", "ymd" "-", "yyyy-MM-dd" "dddd d MMMM yyyy", "HH:mm" "HH:mm:ss", "d MMMM" "MMMM yyyy"),
    culture!("es-ES" SPANISH, "," "." "n €" "n %", "dmy" "/", "d/M/yyyy" "dddd, d 'de' MMMM 'de' yyyy", "H:mm" "H:mm:ss", "d 'de' MMMM" "MMMM 'de' yyyy"),
    culture!("es-MX" SPANISH, "." "," "$n" "n%", "dmy" "/", "dd/MM/yyyy" "dddd, d 'de' MMMM 'de' yyyy", "HH:mm" "HH:mm:ss", "d 'de' MMMM" "MMMM 'de' yyyy"),
    culture!("it-IT" ITALIAN, "," "." "n €" "n%", "dmy" "/", "dd/MM/yyyy" "dddd d MMMM yyyy", "HH:mm" "HH:mm:ss", "d MMMM" "MMMM yyyy"),
    culture!("nl-NL" DUTCH, "," "." "€ n" "n%", "dmy" "-", "dd-MM-yyyy" "dddd d MMMM yyyy", "HH:mm" "HH:mm:ss", "d MMMM" "MMMM yyyy"),
    culture!("nl-BE" DUTCH, "," "." "€ n" "n%", "dmy" "/", "d/MM/yyyy" "dddd d MMMM yyyy", "HH:mm" "HH:mm:ss", "d MMMM" "MMMM yyyy"),
    culture!("pt-BR" PORTUGUESE, "," "." "R$ n" "n%", "dmy" "/", "dd/MM/yyyy" "dddd, d 'de' MMMM 'de' yyyy", "HH:mm" "HH:mm:ss", "d 'de' MMMM" "MMMM 'de' yyyy"),
    culture!("pt-PT" PORTUGUESE, "," "\u{a0}" "n €" "n%", "dmy" "/", "dd/MM/yyyy" "dddd, d 'de' MMMM 'de' yyyy", "HH:mm" "HH:mm:ss", "d 'de' MMMM" "MMMM 'de' yyyy"),
    culture!("sv-SE" SWEDISH, "," "\u{a0}" "n kr" "n %", "ymd" "-", "yyyy-MM-dd" "dddd d MMMM yyyy", "HH:mm" "HH:mm:ss", "d MMMM" "MMMM yyyy"),
    culture!("da-DK" DANISH, "," "." "n kr." "n %", "dmy" ".", "dd.MM.yyyy" "dddd 'den' d. MMMM yyyy", "HH.mm" "HH.mm.ss", "d. MMMM" "MMMM yyyy"),
    culture!("nb-NO" NORWEGIAN, "," "\u{a0}" "kr n" "n %", "dmy" ".", "dd.MM.yyyy" "dddd d. MMMM yyyy", "HH:mm" "HH:mm:ss", "d. MMMM" "MMMM yyyy"),
    culture!("no-NO" NORWEGIAN, "," "\u{a0}" "kr n" "n %", "dmy" ".", "dd.MM.yyyy" "dddd d. MMMM yyyy", "HH:mm" "HH:mm:ss", "d. MMMM" "MMMM yyyy"),
    culture!("fi-FI" FINNISH, "," "\u{a0}" "n €" "n %", "dmy" ".", "d.M.yyyy" "dddd d. MMMM yyyy", "H.mm" "H.mm.ss", "d. MMMM" "MMMM yyyy"),
    culture!("pl-PL" POLISH, "," "\u{a0}" "n zł" "n%", "dmy" ".", "dd.MM.yyyy" "dddd, d MMMM yyyy", "HH:mm" "HH:mm:ss", "d MMMM" "MMMM yyyy"),
    culture!("is-IS" ICELANDIC, "," "." "n kr" "n%", "dmy" ".", "d.M.yyyy" "dddd, d. MMMM yyyy", "HH:mm" "HH:mm:ss", "d. MMMM" "MMMM yyyy"),
];

static INVARIANT: Culture = culture!("" ENGLISH, "." "," "¤n" "n %", "mdy" "/", "MM/dd/yyyy" "dddd, dd MMMM yyyy", "HH:mm" "HH:mm:ss", "MMMM dd" "yyyy MMMM");

/// The culture that functions use without a locale: en-US.
pub(crate) fn english() -> &'static Culture {
    &ALL[0]
}

/// The culture of a language tag; nothing where the tag is malformed.
pub(crate) fn find(tag: &str) -> Option<&'static Culture> {
    if tag.is_empty() {
        return Some(&INVARIANT);
    }
    let well_formed = tag.len() <= 84
        && tag
            .split(['-', '_'])
            .all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    let language = tag.split(['-', '_']).next().unwrap_or(tag);
    if !well_formed
        || !(2..=8).contains(&language.len())
        || !language.bytes().all(|b| b.is_ascii_alphabetic())
    {
        return None;
    }
    let exact = ALL.iter().find(|c| c.tag.eq_ignore_ascii_case(tag));
    let related =
        || ALL.iter().find(|c| c.tag.split('-').next().is_some_and(|l| l.eq_ignore_ascii_case(language)));
    Some(exact.or_else(related).unwrap_or(&INVARIANT))
}
