//! The words that exports use for columns and states, in the languages of their authors.
//!
//! Compared after folding to small letters and digits, see [`squash`]. A word that begins with `=` must be the whole
//! name; others may be a part of it when they have four letters or more. Earlier words of a role weigh more.

use crate::clean::normal_name;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a column means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Role {
    Key,
    Email,
    PrivateEmail,
    Login,
    Manager,
    First,
    Last,
    Middle,
    Preferred,
    LatinFirst,
    LatinLast,
    Full,
    Prefix,
    Status,
    Hire,
    OriginalHire,
    Termination,
    Title,
    Department,
    Division,
    CostCenter,
    Company,
    Office,
    City,
    Region,
    Country,
    Postal,
    Street,
    WorkPhone,
    Mobile,
    PrivatePhone,
    Fax,
    Type,
    Language,
    TimeZone,
    PrimaryFlag,
    Operation,
    Ignored,
}

/// Words of each role.
const WORDS: &[(Role, &str)] = &[
    (
        Role::Key,
        "employeenumber employeeid 社員番号 従業員番号 工号 табельныиномер workerid personnelnumber =pernr personalnummer associateid staffnumber staffid empid =empno \
         empnumber =employee# =emp# =eeid =eeno payrollnumber personid personnumber workernumber mitarbeiternummer personalnr \
         =persnr =pnr mitarbeiternr =manr mitarbeiterid stammnummer stammnr matricule numeroemploye numerosalarie idsalarie \
         matricola codicedipendente iddipendente numerodipendente numeroempleado numerodeempleado codigoempleado nodeempleado noempleado nodefuncionario nofuncionario nodesalarie nosalarie numerosalarie codesalarie nocolaborador \
         idempleado legajo nempleado noempleado matricula numerofuncionario numerodefuncionario numeromecanografico \
         codigofuncionario numerocolaborador idcolaborador personeelsnummer medewerkernummer personeelsnr medewerkerid \
         =pnrmedewerker numerpracownika nrpracownika numerewidencyjny nrewidencyjny idpracownika anstallningsnummer \
         =anstnr anstnummer medarbejdernummer medarbejdernr lonnummer medarbejderid ansattnummer =ansattnr ansattid \
         henkilonumero tyontekijanumero osobnicislo cislozamestnance torzsszam employeeidincompany externalid badgenumber \
         filenumber associatenumber employeeno personnelno employeecode workercode personidexternal =userid =id =uid \
         =number =nummer =nr =no =uuid =guid =wid =workdayid \
         staffno staffnr emplid employeeref payrollno payrollid sicilno sicilnumarasi personelno personelnumarasi calisanno anstallningsnr anstnummer \
         evidencnicislo osobnecislo numarmarca maticnibroj colleagueid teammemberid resourceid clocknumber hrid",
    ),
    (
        Role::PrivateEmail,
        "privateemail personalemail homeemail emailprivat privatemail emailpersonal emailperso mailprive courrielpersonnel \
         correopersonal emailpessoal priveemail privatepost privatmail privatepost emailprivate",
    ),
    (
        Role::Email,
        "workemail businessemail companyemail emailwork primaryworkemail corporateemail officeemail emailaddress email \
         dienstlicheemail geschaftlicheemail emailpro emailprofessionnel courriel adresseelectronique correoelectronico =correo \
         posta correioeletronico =mail mailadresse epost emailadres emailaziendale indirizzoemail emailsluzbowy emailcorporativo emailpracowniczy sahkoposti useridlong =smtp emailadresse",
    ),
    (
        Role::Login,
        "username loginname =login samaccountname userprincipalname =upn networkid benutzername anmeldename identifiant \
         nombredeusuario nomeutente gebruikersnaam anvandarnamn brugernavn brukernavn =ntlogin aduser =account",
    ),
    (
        Role::Manager,
        "上司 直属上级 руководитель manageremployeenumber manageremployeeid managerid managernumber supervisorid supervisornumber reportstoid manager \
         supervisor reportsto reportingto =boss linemanager vorgesetzte vorgesetzter fuhrungskraft =leiter teamleiter \
         superieur responsable manageurid manageur =nplus1 =n+1 n+1matricule matriculen+1 nommanager hierarchique jefe superior responsabile =capo chefia =gestor gestor \
         superiorhierarquico leidinggevende =chef chefanst narmastechef nmstechef =leder leder narmesteleder lahiesimies esimies \
         przelozony kierownik nadrizeny nadriadeny felettes vezeto yonetici chefens vedouci rukovodilac nadredeni superiorierarhic reportstoemployee directreport teamlead =mgr mgrid mgrempno mgrno mgrnumber =mgr1 =supv leidinggev",
    ),
    (
        Role::LatinFirst,
        "firstnamelatin latinfirstname vornamelateinisch givennamelatin firstnameenglish englishfirstname firstnameromanized \
         firstnameinternational westernfirstname prenomlatin localfirstnamelatin",
    ),
    (
        Role::LatinLast,
        "lastnamelatin latinlastname nachnamelateinisch familynamelatin surnamelatin lastnameenglish englishlastname \
         lastnameromanized lastnameinternational surnameenglish nomlatin",
    ),
    (
        Role::Preferred,
        "preferredfirstname preferredname preferredgivenname knownas knownasname nickname callname callingname rufname \
         =rufnm prenomusuel nomdusage goesby nombrepreferido roepnaam tilltalsnamn kaldenavn kutsumanimi nomepreferito \
         nomesocial commonname preferredforename",
    ),
    (
        Role::Middle,
        "middlename secondname zweitername deuxiemeprenom segundonombre middleinitial =middle tussenvoegsel",
    ),
    (
        Role::First,
        "firstname givenname =名 имя forename legalfirstname legalnamefirstname vorname =vorna prenom primernombre =nombre nombres \
         =nome primeironome voornaam =imie imiona =fornamn =fornavn =etunimi =jmeno krestnijmeno keresztnev utonev =first =given \
         fname =firstnm nomepropri =ad =adi =isim =ime =meno =prenume forenames givennames firstnames legalfirst namefirst ονομα імя",
    ),
    (
        Role::Last,
        "lastname surname =姓 =氏 фамилия familyname legallastname legalnamelastname nachname familienname =nachn =zuname apellidos apellido \
         primerapellido cognome =nom nomdenaissance nomusage nomdefamille nomfamille sobrenome apelido ultimonome achternaam nazwisko =efternamn =etternavn \
         =efternavn sukunimi prijmeni vezeteknev csaladnev =last =family lname =lastnm soyad soyadi soyisim prezime priezvisko =nume numedefamilie \
         surnames legallast namelast επωνυμο прізвище",
    ),
    (
        Role::Full,
        "displayname fullname =worker =employee =associate =mitarbeiter =collaborateur =collaborator =empleado =dipendente =medewerker =pracownik 氏名 姓名 名前 фио employeename completename =name legalname workername associatename mitarbeitername vollername namevorname \
         nomcomplet nometprenom nomprenom nombrecompleto nombreyapellidos nomecompleto nominativo volledigenaam =naam \
         imieinazwisko =namn =navn =nimi payrollname =ename nomecognome preferredfullname cn adsoyad adisoyadi adivesoyadi imeiprezime celejmeno menoapriezvisko numesiprenume ονοματεπωνυμο",
    ),
    (
        Role::Prefix,
        "=salutation =anrede =prefix =civilite =tratamiento =aanhef honorific namenszusatz akademischertitel =titolo nameprefix",
    ),
    (
        Role::Status,
        "employmentstatus employeestatus workerstatus activestatus positionstatus jobstatus lifecyclestatus assignmentstatus status =stat2 =state \
         =active isactive =aktiv aktivkz beschaftigungsstatus mitarbeiterstatus =statut statutemploye situation =etat =actif =actief \
         estado situacion =activo stato =attivo situacao =ativo =tila stav =allapot =aktivni =inactive =terminated employmentstate emplstatus \
         beschaftigungsverhaltnisstatus =tilstand =zustand isterminated isinactive isleaver durum calismadurumu =current iscurrent =enabled \
         isenabled workstatus hrstatus personstatus statusangajat istihdamdurumu",
    ),
    (
        Role::OriginalHire,
        "originalhiredate originalstartdate firsthiredate originalhire ersteintritt erstereintritt senioritydate adjustedservicedate dateanciennete \
         companyservicedate continuousservicedate dienstalter erstereintrittsdatum anciennete",
    ),
    (
        Role::Hire,
        "hiredate begindatum entree dateofhire 入社日 入职日期 датаприема startdate employmentstartdate dateofjoining joiningdate joindate datestarted positionstartdate dateemployed lasthiredate \
         rehiredate mostrecenthiredate eintrittsdatum eintritt =begda beginndatum dienstbeginn =beginn vertragsbeginn einstellungsdatum \
         dateentree datedentree dateembauche datedembauche dateanciennet datedebut dateiniciocontrato fechaingreso fechadeingreso \
         fechaalta fechadealta fechainicio fechacontratacion fechadecontratacion dataassunzione datadiassunzione datainizio dataadmissao datadeadmissao \
         dataadmissao datainicio =indienst indiensttreding datumindienst ingangsdatum startdatum datazatrudnienia datarozpoczecia anstallningsdatum \
         anstallningsdag startdag ansettelsesdato ansattdato ansaettelsesdato tiltraedelsesdato tiltredelsesdato alkamispaiva aloituspaiva datumnastupu \
         nastup admissao assunzione contratacion embauche =startdt =hiredt =hiredon joindt belepes =hired =start =joined =entry entrydate startofemployment effectivestart contractstart validfrom \
         datejoined dateengaged dateappointed appointmentdate commencementdate startingdate employmentdate engagementdate joinedon startedon =doj \
         isegiristarihi isebaslamatarihi baslamatarihi anstalldfrom anstallddatum dataangajarii datumzaposlenja datumnastupa datumzaposlenia",
    ),
    (
        Role::Termination,
        "terminationdate letzterarbeitstag letztertag 退職日 离职日期 датаувольнения lastdayofwork lastworkingday lastday employmentenddate enddate dateleft leavingdate leavedate dateofleaving exitdate separationdate \
         termdate dateofterminat terminated positionenddate contractend austrittsdatum austritt =endda enddatum dienstende =ende vertragsende \
         datesortie datedesortie datedepart datededepart datefin fechabaja fechadebaja fechafin fechasalida fechacese fechaegreso fechatermino \
         datacessazione datafine dataterminazione datadimissioni datarescisao datademissao datadesligamento datasaida datatermino datafim uitdiensttreding \
         datumuitdienst uitdienst einddatum datazwolnienia datazakonczenia slutdatum slutdato avgangsdatum fratraedelsesdato fratredelsesdato sluttdato \
         einddatumdienstverband sortie depart demissao desligamento rescisao cessazione dimissioni =baja =salida =sortie departure departdate datedepart cessation separation =enddt =termdt =exitdt offboarding paattymispaiva lopetuspaiva datumukonceni vystup kilepes validto =end =left =leaver effectiveend completiondate \
         terminationdt dateleaving leftdate dateexit dateseparated dateterminated dateresigned exitdt separationdt dateofexit lastworkday lastworkedday \
         =dol =lwd lefton endedon istencikistarihi istenayrilistarihi cikistarihi ayrilistarihi anstalldtom dataplecarii dataincetarii datumodlaska datumodchodu kundigungsdatum kundigungzum",
    ),
    (
        Role::Title,
        "jobtitle businesstitle 役職 职位 должность positiontitle workingtitle businesscardtitle jobtitledescription jobdescription stellenbezeichnung stelle =position positionsbezeichnung \
         =plstx planstelle berufsbezeichnung funktion tatigkeit =fonction intituleposte poste emploi =cargo puesto mansione qualifica \
         posizione ruolo funcao =functie functietitel functienaam stanowisko befattning titel stilling stillingsbetegnelse tehtavanimike nimike =funkce \
         pracovnipozice beosztas munkakor jobname =job =title =role jobprofile position designation =stltx positiontext stellentext positionname jobtitlename \
         unvan =gorev pozisyon funkcja functia radnomesto pracovnapozicia",
    ),
    (
        Role::Division,
        "division businessunit geschaftsbereich bereich businessarea sparte =bu divisione unidadnegocio unidaddenegocio divisao unidadedenegocio \
         affarsomrade forretningsomrade toimiala direction direccion direzione diretoria segment businessgroup",
    ),
    (
        Role::Department,
        "departmentname departmentdescription 部署 部門 部门 отдел подразделение homedepartment department =dept deptname abteilung =orgtx organisationseinheit orgeinheit orgunit organizationalunit supervisoryorganization \
         departement =service departamento =area reparto dipartimento ufficio setor afdeling dzial avdelning avdeling afdeling osasto oddeleni utvar \
         osztaly organisatorischeeenheid organization organisation organizationalunitname =team orglevel2 homedepartmentdescription kostenstellenbezeichnung orgeh \
         deptdescr deptdesc depttitle =unit unitname orgunitname organizationunit departman =birim bolum oddelenie compartiment =odjel odsjek departament",
    ),
    (
        Role::CostCenter,
        "costcenter costcentre kostenstelle =kostl =kst kostenplaats centredecout centrecout centrodecoste centrodecosto centrocosto centrodicosto \
         centrodecusto centrocusto kostnadsstalle kostsenter kostnadssted kustannuspaikka mpk centrumkosztow nakladovestredisko koltseghely costcode",
    ),
    (
        Role::Company,
        "companyname company legalentity =bukrs buchungskreis gesellschaft firma unternehmen mandant societe =entreprise entitelegale empresa sociedad \
         societa azienda bedrijf werkgever spolka pracodawca foretag bolag selskab selskap yritys spolecnost ceg employer legalemployer entity",
    ),
    (
        Role::Office,
        "site buro office worklocation locationname locationdescription location workplace standort =werks arbeitsort dienstort niederlassung lieudetravail =lieu etablissement agence \
         centrodetrabajo oficina =sede sededilavoro localdetrabalho vestiging locatie werklocatie kantoor lokalizacja miejscepracy arbetsplats kontor \
         arbejdssted arbeidssted toimipaikka pracoviste telephely buildingname =building campus branch filiale persnlbereich personalbereich =btrtl",
    ),
    (
        Role::City,
        "=city cityname workcity locationcity =ort =ort01 =stadt wohnort =ville =ciudad poblacion =citta comune cidade =plaats woonplaats =stad miasto =by kaupunki =mesto varos town municipality locality",
    ),
    (
        Role::Region,
        "=stateprovince province =region bundesland =provincia =regione =estadoprovincia wojewodztwo =lan stateorprovince =county",
    ),
    (
        Role::Country,
        "countrycode country countryiso =land =land1 landkz =pays paese =pais =kraj =maa =zeme orszag nation countryofwork landeskennzeichen",
    ),
    (
        Role::Postal,
        "postalcode zipcode =zip =plz =pstlz postleitzahl codepostal codigopostal =cap postcode kodpocztowy postnummer postnr postinumero =psc iranyitoszam =cep",
    ),
    (
        Role::Street,
        "streetaddress street addressline1 address1 strasse =stras =adresse =rue direccionpostal =calle domicilio indirizzo =via endereco =straat =adres ulica gatuadress gade katuosoite ulice utca",
    ),
    (
        Role::PrivatePhone,
        "homephone privatephone telefonprivat privattelefon personalphone telephonepersonnel telefonopersonal personalmobile privatmobil emergency notfall telefonoparticular homemobile",
    ),
    (
        Role::Mobile,
        "mobilephone cellphone mobile =cell handy mobiltelefon mobil mobilnummer telephoneportable portable telefonomovil =movil celular cellulare telemovel mobiel mobieltje \
         komorka telefonkomorkowy mobilnr matkapuhelin gsm",
    ),
    (
        Role::WorkPhone,
        "workphone businessphone officephone telephone phonenumber phone telefon =telnr =tel telefonnummer telephonepro telefono telefone telefoon puhelin telefonszam durchwahl extension workphonenumber landline",
    ),
    (Role::Fax, "fax telefax telecopie"),
    (
        Role::Type,
        "employmenttype employeetype workertype workercategory contracttype employeecategory employeegroup =persg =persk mitarbeitergruppe mitarbeitertyp mitarbeiterkreis beschaftigungsart \
         anstellungsart vertragsart personengruppe typecontrat typedecontrat contrat tipocontrato tipodecontrato tipoempleado tipocontratto tipodicontratto vinculo contractsoort dienstverband soortcontract \
         rodzajumowy typumowy anstallningsform ansattelsestype ansettelsesform tyosuhde typuvazku workerclass employmentcategory payrolltype usertype category staffcategory",
    ),
    (
        Role::Language,
        "language sprache =langue idioma =lingua =taal jezyk =sprak preferredlanguage =locale korrespondenzsprache",
    ),
    (Role::TimeZone, "timezone zeitzone fuseauhoraire zonahoraria fusoorario =tz tijdzone tidszon"),
    (
        Role::PrimaryFlag,
        "primaryassignment isprimary primaryposition primaryjob primaryflag hauptbeschaftigung hauptvertrag mainassignment =primary =main posteprincipal puestoprincipal",
    ),
    (
        Role::Operation,
        "=operation =action changetype =aktion =op recordtype satzart =mutation =changecode =transaction =opcode aenderungsart",
    ),
    (
        Role::Ignored,
        "birthdate dateofbirth birthday =dob =gbdat geburtsdatum geburtstag datedenaissance datenaissance fechanacimiento fechadenacimiento datanascita datadinascita datanascimento datadenascimento \
         geboortedatum dataurodzenia fodelsedatum fodselsdato salary gehalt salaire salario stipendio iban bankaccount socialsecurity =ssn taxid nationalid gender geschlecht \
         =sexe =sexo marital familienstand religion nationality nationalitat staatsangehorigkeit lastmodified geandertam modifiedon updatedat lastupdated changedon =aedtm createdon creationdate creationdatetime \
         probation probezeit weeklyhours wochenstunden =fte exportdate reportdate asofdate terminationreason reasonforleaving austrittsgrund companyid ismanager siteid departmentid locationid positionid jobcode jobid stellennummer personaliddocument \
         createdat insuranc steuer effectivedate visa workpermit departmentcode orgcode",
    ),
];

/// Words for people who may have an account. Those that begin with `~` are on leave, with `>` not yet there.
const ACTIVE: &str = "active here aktiv actif active activo activa attivo attiva ativo ativa actief aktywny aktywna aktiivinen aktivni aktív a y yes ja oui si sim true 1 \
    employed employee enemployment beschaftigt angestellt imdienst enposte present indienst zatrudniony anstalld ansat ansatt current working regular permanent inforce filled inforza inservizio vigente enactivo dealta emservico activ aktif calisiyor angajat zaposlen vpracovnompomere vpracovnimpomeru slujiwy \
    ~onleave ~leave ~l ~loa ~leaveofabsence ~parentalleave ~maternityleave ~maternity ~paternityleave ~sickleave ~medicalleave ~paidleave ~unpaidleave ~familyleave ~sabbatical \
    ~beurlaubt ~urlaub ~elternzeit ~mutterschutz ~ruhend ~langzeitkrank ~langzeiturlaub ~langzeitabwesend ~elternkarenz ~bildungskarenz ~mutterschaft ~inelternzeit ~karenz ~conge ~enconge ~congematernite ~congeparental ~suspension ~suspendu ~permiso ~excedencia ~licencia ~deexcedencia ~inaspettativa \
    ~aspettativa ~maternita ~licenca ~afastado ~emlicenca ~metverlof ~verlof ~ouderschapsverlof ~tjanstledig ~foraldraledig ~orlov ~permisjon ~izinli ~dogumizni ~ucretsizizin ~rodicovskadovolena ~materskadovolena ~rodicovskadovolenka ~gyes ~gyed ~concediu ~porodiljni ~fmla ~ltd ~std ~furlough ~furloughed ~urlop ~naurlopie ~vapaalla ~v \
    >pending >pendinghire >hired >prehire >preboarding >onboarding >prestart >newhire >future >futurehire >accepted >notstarted >upcoming >geplant >zukunftig >vorgemerkt >neu >avenir >aarriver >futur >pendiente \
    >inattesa >pendente >futuro >toekomstig >kommande >p >noticeperiod >resigned >notice >gekundigt >preavis >onnotice >probation >probezeit";

/// Words for people who may not.
const INACTIVE: &str = "inactive gone terminated term left leaver exited separated deceased retired former dismissed inaktiv ausgeschieden ausgetreten beendet entlassen rentner pensionar pensioniert verstorben \
    inactif sorti parti quitte retraite licencie demissionne inactivo inactiva baja debaja cesado jubilado desvinculado terminado inattivo inattiva cessato cessata dimesso licenziato pensionato inativo inativa demitido desligado \
    aposentado rescindido inactief uitdienst uitgetreden vertrokken gepensioneerd nieaktywny nieaktywna zwolniony byly neaktivni ukoncen odesel slutat avslutad avgatt pensionerad inaktivni fratradt fratratt opsagt sluttet pensionist irtisanottu eronnut paattynyt \
    i n no nein non nao nej nie false 0 d r x ended closed cancelled canceled noshow withdrawn discarded gardenleave gardeningleave freigestellt deactivated disabled suspended offboarded archived resignedleft alumni \
    terminatedwithpay terminatedinvoluntary terminatedvoluntary ayrildi istenayrildi pasif cikti kilepett plecat incetat otisao odisiel skoncil bajadefinitiva voluntarilyleft quitjob laidoff redundant";

/// A name as words are compared: letters, digits, `#` and `+`.
pub(crate) fn squash(name: &str) -> String {
    normal_name(name).chars().filter(|c| c.is_alphanumeric() || matches!(c, '#' | '+')).collect()
}

/// One word of a role.
pub(crate) struct Word {
    text: &'static str,
    /// Whether it must be the whole name.
    whole: bool,
    /// How far back it stands in its list.
    late: u32,
}

/// The words of all roles, cut once.
pub(crate) fn roles() -> &'static [(Role, Vec<Word>)] {
    static ROLES: LazyLock<Vec<(Role, Vec<Word>)>> = LazyLock::new(|| {
        let cut = |words: &'static str| {
            let word = |(rank, word): (usize, &'static str)| {
                let late = (rank as u32).min(60) / 6;
                match word.strip_prefix('=') {
                    Some(text) => Word { text, whole: true, late },
                    None => Word { text: word, whole: word.is_ascii() && word.len() < 4, late },
                }
            };
            words.split_whitespace().enumerate().map(word).collect()
        };
        WORDS.iter().map(|(role, words)| (*role, cut(words))).collect()
    });
    &ROLES
}

/// How well a name fits a role: 0 to 100.
pub(crate) fn fit(name: &str, words: &[Word]) -> u32 {
    let mut best = 0;
    for Word { text, whole, late } in words {
        let score = match () {
            () if name == *text => 100 - late,
            () if *whole || name.len() < text.len() => 0,
            () if name.starts_with(text) || name.ends_with(text) => 70 - late + text.len().min(12) as u32,
            () if text.len() >= 5 && name.contains(text) => 50 - late + text.len().min(12) as u32,
            () => 0,
        };
        best = best.max(score);
    }
    best
}

/// What a status word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Active,
    Leave,
    Ahead,
    Gone,
}

/// Reads a status word; `None` when it is in no list.
pub(crate) fn standing(word: &str) -> Option<Standing> {
    static KNOWN: LazyLock<HashMap<String, Standing>> = LazyLock::new(|| {
        let mut known: HashMap<String, Standing> =
            INACTIVE.split_whitespace().map(|w| (w.to_string(), Standing::Gone)).collect();
        // A word in both lists is active; of two active meanings the first counts.
        for word in ACTIVE.split_whitespace().rev() {
            let (word, meaning) = match word.strip_prefix('~') {
                Some(rest) => (rest, Standing::Leave),
                None => {
                    word.strip_prefix('>').map_or((word, Standing::Active), |rest| (rest, Standing::Ahead))
                }
            };
            known.insert(normal_name(word), meaning);
        }
        known
    });
    let word = squash(word);
    if let Some(meaning) = KNOWN.get(&word) {
        return Some(*meaning);
    }
    // Longer words tell by their beginning: `Terminated - voluntary`, `Active (part time)`, `Leave: parental`.
    let starts = |list: &[&str]| list.iter().any(|s| word.starts_with(s));
    if starts(&[
        "terminat",
        "inactiv",
        "inaktiv",
        "retire",
        "ausgeschieden",
        "ausgetreten",
        "deceas",
        "former",
        "nieaktyw",
        "inattiv",
        "separat",
        "leaver",
    ]) {
        return Some(Standing::Gone);
    }
    if starts(&["pending", "prehire", "futur", "onboard"]) {
        return Some(Standing::Ahead);
    }
    if word.contains("leave")
        || word.contains("beurlaub")
        || word.contains("elternzeit")
        || starts(&["conge", "verlof", "urlop", "orlov"])
    {
        return Some(Standing::Leave);
    }
    starts(&["activ", "aktiv", "employed", "actif", "attiv", "ativo"]).then_some(Standing::Active)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_their_roles() {
        for (name, role) in [
            ("Employee #", Role::Key),
            ("Personalnummer", Role::Key),
            ("Pers.-Nr.", Role::Key),
            ("Nº de empleado", Role::Key),
            ("Matricule", Role::Key),
            ("PERNR", Role::Key),
            ("Associate ID", Role::Key),
            ("Work Email", Role::Email),
            ("E-Mail (geschäftlich)", Role::Email),
            ("E-Mail privat", Role::PrivateEmail),
            ("Legal Name - First Name", Role::First),
            ("Prénom", Role::First),
            ("NACHN", Role::Last),
            ("Nom", Role::Last),
            ("Rufname", Role::Preferred),
            ("Vorname (lateinisch)", Role::LatinFirst),
            ("Personalnr. Vorgesetzte/r", Role::Manager),
            ("Manager Employee ID", Role::Manager),
            ("Reports To", Role::Manager),
            ("Date d'entrée", Role::Hire),
            ("Position Start Date", Role::Hire),
            ("Data di assunzione", Role::Hire),
            ("Uit dienst", Role::Termination),
            ("In dienst", Role::Hire),
            ("Last Day of Work", Role::Termination),
            ("Ersteintritt", Role::OriginalHire),
            ("Kostenstelle", Role::CostCenter),
            ("Date of Birth", Role::Ignored),
            ("STAT2", Role::Status),
            ("Cost Centre", Role::CostCenter),
            ("Stanowisko", Role::Title),
            ("Handynummer", Role::Mobile),
            ("PLZ", Role::Postal),
        ] {
            let squashed = squash(name);
            let best = roles().iter().max_by_key(|(_, words)| fit(&squashed, words)).unwrap();
            assert_eq!(best.0, role, "{name} = {squashed}");
        }
        for (word, meaning) in [
            ("Active", Some(Standing::Active)),
            ("On Leave", Some(Standing::Leave)),
            ("3", None),
            ("A", Some(Standing::Active)),
            ("T", None),
            ("Terminated - Voluntary", Some(Standing::Gone)),
            ("Ausgeschieden", Some(Standing::Gone)),
            ("Congé maternité", Some(Standing::Leave)),
            ("Pending", Some(Standing::Ahead)),
            ("Full time", None),
        ] {
            assert_eq!(standing(word), meaning, "{word}");
        }
    }
}
