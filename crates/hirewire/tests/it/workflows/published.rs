//! Microsoft's published template, where it is at hand, and a definition of ours with the same constructs: from a CSV file to
//! accounts.
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::hirewire::{Home, sample, text};

/// The published template beside the repository, where there is one.
pub(crate) fn template() -> Option<PathBuf> {
    let given = std::env::var_os("HIREWIRE_SHARED").map(PathBuf::from);
    let shared = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let folder = shared.join("samples/logicapps/csv2scimbulkupload");
    folder.exists().then_some(folder)
}

/// A file in the layout of the template's sample, for as many people as wanted; CRLF and all.
pub(crate) fn people(count: usize) -> String {
    let mut csv = String::from(
        "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,GenderPronoun,ManagerID,HireDate,OnLeave,Department,Division,CostCenter,Company,Location,JobTitle,StreetAddress,City,CountryCode,OfficePhone,Custom01,Custom02,ZipCode\r\n",
    );
    for n in 0..count {
        let id = 100_000 + n;
        let _ = write!(
            csv,
            "{id},Active,Employee,emp{id}@northbeam.example,Given{n},Family{n},Given{n} Family{n},,,2020-01-01,False,Sales,Electronics,CC1,Woodgrove,Europe,\"Executive, Sales\",1 Main St,Oslo,NO,555-0100,A,B,{:05}\r\n",
            n % 100_000
        );
    }
    csv
}

fn runs_to_accounts(home: &Home, workflow: &str, count: usize) {
    let output = home.run(&["workflow", "run", workflow]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(home.users().len(), count, "{}", text(&output));
}

#[test]
fn the_published_template_runs_from_a_folder() {
    let Some(published) = template() else { return };
    for count in [100, 2_000] {
        let home = Home::from_export(&sample("hris/100/day1.csv"));
        for file in ["csv2scimbulkupload-template.json", "csv2scimbulkupload-parameters.json"] {
            home.add_workflow_file(file, &std::fs::read(published.join(file)).expect("the template"));
        }
        std::fs::create_dir_all(home.path().join("drop/csvdata")).expect("a folder");
        std::fs::write(home.path().join("drop/csvdata/csv-with-5-records.txt"), people(count))
            .expect("a file");
        home.configure(
            "[workflows.endpoints]\n\"https://graph.microsoft.com\" = \"self\"\n\"https://webapp.example/csvtojson\" = \"csv\"\n\
             [workflows.parameters.csv2scimbulkupload]\n\"Convert_CSV_to_JSON-URI\" = \"https://webapp.example/csvtojson\"\n\
             \"Send_SCIMBulkPayload_to_API_endpoint-URI\" = \"https://graph.microsoft.com/beta/servicePrincipals/5f224b4d-9c1b-3190-bcbb-8e6a23b015eb/synchronization/jobs/API2AD.b12381d2.77e28e0f/bulkUpload\"\n\
             [connections.azurefile]\nkind = \"folder\"\npath = \"drop\"\n",
        );
        runs_to_accounts(&home, "csv2scimbulkupload", count);
    }
}

#[test]
fn a_definition_of_the_same_constructs_runs_from_a_folder() {
    let home = Home::from_export(&sample("hris/100/day1.csv"));
    home.add_workflow("people", &sample("logicapps/ours/csv-text-payload.definition.json"));
    std::fs::create_dir_all(home.path().join("drop/csvdata")).expect("a folder");
    std::fs::write(home.path().join("drop/csvdata/people.csv"), people(120)).expect("a file");
    home.configure(
        "[workflows.endpoints]\n\"https://graph.microsoft.com\" = \"self\"\n\"https://csv.example\" = \"csv\"\n\
         [connections.azureblob]\nkind = \"folder\"\npath = \"drop\"\n",
    );
    runs_to_accounts(&home, "people", 120);
}
