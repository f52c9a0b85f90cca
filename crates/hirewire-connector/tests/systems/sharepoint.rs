//! SharePoint files and lists, through the played Graph of `graph.rs`.
use hirewire_workflow::host::PollFrom;
use serde_json::json;

use crate::{Connection, graph, next, silent};

fn connection(address: &str, secret: &str) -> Connection {
    Connection::open(
        json!({"kind": "sharepoint", "site": "https://contoso.example/sites/HR", "folders": ["Shared Documents/HR"], "lists": ["Employees"],
            "graph": format!("{address}/v1.0"),
            "login": {"tenant": "t", "client_id": "c", "client_secret": {"secret": "s"}, "authority": address}}),
        &[("s", secret)],
    )
}

const SITE: &str = "/datasets/https%253A%252F%252Fcontoso.example%252Fsites%252FHR";

pub(crate) async fn files() {
    let (address, site) = graph::start().await;
    let files = connection(&address, "right");
    site.lock().expect("lock").files.insert("HR/people a.csv".into(), (b"id\n1\n".to_vec(), 1));
    let by_path = json!({"path": "/Shared Documents/HR/people a.csv", "inferContentType": true, "queryParametersSingleEncoded": true});
    let content = files.call("GET", &format!("{SITE}/GetFileContentByPath"), by_path, None).await;
    assert_eq!((content.status, &content.body), (200, &json!("id\n1\n")));
    // The designer's id of a file: its path, percent-encoded, blanks as plus signs.
    let id = "%252fShared%2bDocuments%252fHR%252fpeople%2ba.csv";
    assert_eq!(
        files.ok("GET", &format!("{SITE}/files/{id}/content"), json!({}), None).await,
        json!("id\n1\n")
    );
    let list =
        files.ok("GET", &format!("{SITE}/folders/%252fShared%2bDocuments%252fHR"), json!({}), None).await;
    assert_eq!((list.as_array().map(Vec::len), &list[0]["Name"]), (Some(1), &json!("people a.csv")));

    let trigger = format!("{SITE}/triggers/onnewfile");
    let queries = json!({"folderId": "%252fShared%2bDocuments%252fHR", "inferContentType": true});
    let mut cursor = files.poll(&trigger, queries.clone(), PollFrom::Activation).await.cursor;
    silent(&files, &trigger, &queries, &mut cursor).await;
    let made = files
        .ok(
            "POST",
            &format!("{SITE}/files"),
            json!({"folderPath": "/Shared Documents/HR", "name": "new.csv"}),
            Some(json!("id\n2\n")),
        )
        .await;
    assert_eq!(made["Path"], "/Shared Documents/HR/new.csv");
    let firing = next(&files, &trigger, &queries, &mut cursor).await;
    assert_eq!(
        (&firing[0]["body"], &firing[0]["headers"]["x-ms-file-name"]),
        (&json!("id\n2\n"), &json!("new.csv"))
    );
    silent(&files, &trigger, &queries, &mut cursor).await;
    files
        .ok("DELETE", &format!("{SITE}/files/%252fShared%2bDocuments%252fHR%252fnew.csv"), json!({}), None)
        .await;
    assert_eq!(site.lock().expect("lock").files.len(), 1);
}

pub(crate) async fn lists() {
    let (address, site) = graph::start().await;
    let lists = connection(&address, "right");
    for (n, department) in ["Sales", "IT", "Sales", "HR", "Sales"].into_iter().enumerate() {
        site.lock()
            .expect("lock")
            .items
            .push((json!({"Title": format!("P{n}"), "Department": department}), 1));
    }
    let items = format!("{SITE}/tables/Employees/items");
    let all = lists.ok("GET", &items, json!({}), None).await;
    assert_eq!(all["value"].as_array().map(Vec::len), Some(5));
    assert_eq!((&all["value"][0]["ID"], &all["value"][0]["Title"]), (&json!(1), &json!("P0")));
    let some = lists.ok("GET", &items, json!({"$filter": "Department eq 'Sales'", "$top": 2}), None).await;
    assert_eq!(some["value"].as_array().map(Vec::len), Some(2));
    let trigger = format!("{SITE}/tables/Employees/onupdateditems");
    let mut cursor = lists.poll(&trigger, json!({}), PollFrom::Activation).await.cursor;
    silent(&lists, &trigger, &json!({}), &mut cursor).await;
    let made = lists.ok("POST", &items, json!({}), Some(json!({"Title": "New", "{Link}": "not sent"}))).await;
    assert_eq!(made["ID"], 6);
    lists.ok("PATCH", &format!("{items}/2"), json!({}), Some(json!({"Department": "Finance"}))).await;
    let firing = next(&lists, &trigger, &json!({}), &mut cursor).await;
    let titles: Vec<_> =
        firing[0]["body"]["value"].as_array().expect("value").iter().map(|i| i["Title"].clone()).collect();
    assert_eq!(titles, ["New", "P1"]);
    silent(&lists, &trigger, &json!({}), &mut cursor).await;
}

pub(crate) async fn other_places_are_refused() {
    let (address, site) = graph::start().await;
    let files = connection(&address, "right");
    site.lock().expect("lock").files.insert("Board/salaries.csv".into(), (b"x".to_vec(), 1));
    for path in
        ["/Shared Documents/Board/salaries.csv", "/Shared Documents/HR/../Board/salaries.csv", "/Other/x.csv"]
    {
        let answer =
            files.call("GET", &format!("{SITE}/GetFileContentByPath"), json!({"path": path}), None).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    assert_eq!(
        files.call("GET", &format!("{SITE}/tables/Salaries/items"), json!({}), None).await.status,
        403
    );
    assert_eq!(site.lock().expect("lock").seen.len(), 0, "nothing was asked");
    let wrong = connection(&address, "wrong-secret")
        .call("GET", &format!("{SITE}/GetFileContentByPath"), json!({"path": "/Shared Documents/HR/x"}), None)
        .await;
    assert!(wrong.status == 401 && !wrong.body.to_string().contains("wrong-secret"), "{wrong:?}");
}
