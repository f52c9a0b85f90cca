//! `$metadata`: as much of CSDL as names what is served.
use http::StatusCode;

use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;

/// The document; entity types are open, since clients bring their own.
const CSDL: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
  <edmx:DataServices>
    <Schema Namespace="microsoft.graph" xmlns="http://docs.oasis-open.org/odata/ns/edm">
      <EntityType Name="entity" Abstract="true" OpenType="true"><Key><PropertyRef Name="id"/></Key><Property Name="id" Type="Edm.String" Nullable="false"/></EntityType>
      <EntityType Name="servicePrincipal" BaseType="microsoft.graph.entity" OpenType="true"><NavigationProperty Name="synchronization" Type="microsoft.graph.synchronization" ContainsTarget="true"/></EntityType>
      <EntityType Name="application" BaseType="microsoft.graph.entity" OpenType="true"/>
      <EntityType Name="applicationTemplate" BaseType="microsoft.graph.entity" OpenType="true"/>
      <EntityType Name="user" BaseType="microsoft.graph.entity" OpenType="true"/>
      <EntityType Name="organization" BaseType="microsoft.graph.entity" OpenType="true"/>
      <EntityType Name="domain" BaseType="microsoft.graph.entity" OpenType="true"/>
      <EntityType Name="subscribedSku" BaseType="microsoft.graph.entity" OpenType="true"/>
      <EntityType Name="provisioningObjectSummary" BaseType="microsoft.graph.entity" OpenType="true"/>
      <EntityType Name="synchronization" BaseType="microsoft.graph.entity" OpenType="true">
        <NavigationProperty Name="jobs" Type="Collection(microsoft.graph.synchronizationJob)" ContainsTarget="true"/>
        <NavigationProperty Name="templates" Type="Collection(microsoft.graph.synchronizationTemplate)" ContainsTarget="true"/>
      </EntityType>
      <EntityType Name="synchronizationJob" BaseType="microsoft.graph.entity" OpenType="true"><NavigationProperty Name="schema" Type="microsoft.graph.synchronizationSchema" ContainsTarget="true"/></EntityType>
      <EntityType Name="synchronizationTemplate" BaseType="microsoft.graph.entity" OpenType="true"/>
      <EntityType Name="synchronizationSchema" BaseType="microsoft.graph.entity" OpenType="true"/>
      <EntityType Name="auditLogRoot" BaseType="microsoft.graph.entity"><NavigationProperty Name="provisioning" Type="Collection(microsoft.graph.provisioningObjectSummary)" ContainsTarget="true"/></EntityType>
      <EntityContainer Name="GraphService">
        <EntitySet Name="servicePrincipals" EntityType="microsoft.graph.servicePrincipal"/>
        <EntitySet Name="applications" EntityType="microsoft.graph.application"/>
        <EntitySet Name="applicationTemplates" EntityType="microsoft.graph.applicationTemplate"/>
        <EntitySet Name="users" EntityType="microsoft.graph.user"/>
        <EntitySet Name="organization" EntityType="microsoft.graph.organization"/>
        <EntitySet Name="domains" EntityType="microsoft.graph.domain"/>
        <EntitySet Name="subscribedSkus" EntityType="microsoft.graph.subscribedSku"/>
        <Singleton Name="auditLogs" Type="microsoft.graph.auditLogRoot"/>
      </EntityContainer>
    </Schema>
  </edmx:DataServices>
</edmx:Edmx>
"#;

/// `GET /$metadata`.
pub fn csdl(_: &App, _: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::bytes(StatusCode::OK, "application/xml;charset=utf-8", CSDL))
}
