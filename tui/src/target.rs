//! The target table: which table is meant, and as whom is it used?
//! What the flags, the SDK's own environment and the files in `~/.aws` say, in the AWS CLI's order, as one [`Table`].

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::region::{ProvideRegion, RegionProviderChain};
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use clap::Parser;
use leasehold_store::{BestEffortNotifier, NoCallbacks, SystemClock, Table, https, step_functions_client};

use leasehold_tui::watch::session::TableChoice;

use crate::error::{CliError, STORE};
use crate::output::complain;
use crate::stored_demo;

/// The table's name where nothing says another: that of the example and of Terraform's `table` module.
const TABLE: &str = "regional-concurrency-leases";

/// The environment variable that names the table.
const TABLE_VARIABLE: &str = "LEASEHOLD_TABLE";

/// The environment variable that says where DynamoDB is, before the one for all of AWS.
const DYNAMODB_ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// The environment variable that says where all of AWS is.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

/// How long the instance metadata service may take. On an EC2 instance it answers within milliseconds; anywhere
/// else it is the last that is asked, and a person waits.
const METADATA_WITHIN: Duration = Duration::from_millis(500);

/// How long the account may take: nothing waits for it.
const ACCOUNT_WITHIN: Duration = Duration::from_secs(20);

/// Runs operations as a command does: it tells waiting tasks if it may, and leaves it to the lease manager to ask
/// whether executions still run.
pub(crate) type CliRunner = leasehold_store::Runner<BestEffortNotifier>;

/// The flags that every command on a table takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Target {
    /// The DynamoDB table [default: $LEASEHOLD_TABLE, else regional-concurrency-leases]
    #[arg(long, global = true, value_name = "NAME", value_parser = table_name)]
    table: Option<String>,

    /// The AWS region [default: $AWS_REGION, else the profile's]
    #[arg(long, global = true, value_name = "REGION", value_parser = region)]
    region: Option<String>,

    /// The profile in ~/.aws whose credentials and region are used [default: $AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME", value_parser = profile_name)]
    profile: Option<String>,

    /// Where DynamoDB's API is, if not at AWS: http://127.0.0.1:8000 [default: $AWS_ENDPOINT_URL_DYNAMODB, else $AWS_ENDPOINT_URL]
    #[arg(long, global = true, value_name = "URL", value_parser = endpoint)]
    endpoint_url: Option<String>,

    /// The table that `leasehold demo --store FILE` keeps in this file, while it runs or later, instead of one at AWS
    #[arg(long, global = true, value_name = "FILE")]
    store: Option<PathBuf>,

    /// Where the table was looked for, once it was.
    #[arg(skip)]
    asked: OnceLock<String>,
}

impl Target {
    /// For a command that uses no table at all: none of the flags may be given.
    pub(crate) fn refuse_all(&self, why: &str) -> Result<(), CliError> {
        match &self.store {
            Some(_) => Err(CliError::Usage(format!("--store: {why}"))),
            None => self.refuse(why),
        }
    }

    /// The file that a demo keeps its table in, if that is meant.
    pub(crate) fn store(&self) -> Result<Option<&Path>, CliError> {
        match &self.store {
            Some(file) => self.refuse("--store names a file that has one table").map(|()| Some(file.as_path())),
            None => Ok(None),
        }
    }

    /// What was given of the flags that say which table is meant.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, String)> {
        let store = self.store.as_ref().map(|file| ("--store", file.display().to_string()));
        let others = self.at_aws().map(|(flag, value)| value.as_ref().map(|value| (flag, value.clone())));
        others.into_iter().chain([store]).flatten()
    }

    /// The flags that say which table at AWS is meant.
    fn at_aws(&self) -> [(&'static str, &Option<String>); 4] {
        [
            ("--table", &self.table),
            ("--region", &self.region),
            ("--profile", &self.profile),
            ("--endpoint-url", &self.endpoint_url),
        ]
    }

    /// For a command that uses no table at AWS: none of the flags may be given that say which.
    pub(crate) fn refuse(&self, why: &str) -> Result<(), CliError> {
        match self.at_aws().into_iter().find(|(_, value)| value.is_some()) {
            Some((flag, _)) => Err(CliError::Usage(format!("{flag}: {why}"))),
            None => Ok(()),
        }
    }

    /// The table. Nothing is sent to it yet, but the credentials are there.
    pub(crate) async fn table(&self) -> Result<Table, CliError> {
        let (table, _) = self.found().await?;
        tell_wrong_clock(&table);
        Ok(table)
    }

    /// The table that these words of a command line name, for whoever must not say anything.
    pub(crate) async fn silently(words: &[OsString]) -> Option<Table> {
        #[derive(clap::Parser)]
        struct TargetFlags {
            #[command(flatten)]
            target: Target,
        }
        const FLAGS: [&str; 5] = ["--table", "--region", "--profile", "--endpoint-url", "--store"];
        let mut flags = vec![OsString::from("leasehold")];
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let flag = word.to_str().unwrap_or_default();
            if FLAGS.contains(&flag) {
                flags.extend([word.clone(), words.next()?.clone()]);
            } else if flag.split_once('=').is_some_and(|(flag, _)| FLAGS.contains(&flag)) {
                flags.push(word.clone());
            }
        }
        let TargetFlags { target } = TargetFlags::try_parse_from(flags).ok()?;
        target.found().await.ok().map(|(table, _)| table)
    }

    /// The same table, with the configuration that it is reached by.
    pub(crate) async fn table_and_config(&self) -> Result<(Table, SdkConfig), CliError> {
        let (table, config) = self.found().await?;
        tell_wrong_clock(&table);
        Ok((table, config))
    }

    /// The same table, with all that operations need.
    pub(crate) async fn runner(&self) -> Result<CliRunner, CliError> {
        let runner = self.untold_runner().await?;
        tell_wrong_clock(runner.table());
        Ok(runner)
    }

    /// The same, for whoever tells by itself that this machine's clock is wrong.
    pub(crate) async fn untold_runner(&self) -> Result<CliRunner, CliError> {
        Ok(self.untold_runner_and_config().await?.0)
    }

    /// The same, with the configuration that the table is reached by.
    pub(crate) async fn untold_runner_and_config(&self) -> Result<(CliRunner, SdkConfig), CliError> {
        let (table, config) = self.found().await?;
        let notifier = BestEffortNotifier::new(step_functions_client(&config));
        Ok((CliRunner::with(table, notifier, NoCallbacks, SystemClock), config))
    }

    /// What was chosen by this, of a table that was reached in this region.
    pub(crate) fn choice(&self, table: &str, region: &str) -> TableChoice {
        let profile = self.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok()).unwrap_or_default();
        TableChoice { table: table.into(), region: region.into(), profile }
    }

    /// The table that somebody chose, at the same endpoint if one was given.
    pub(crate) fn choose(&self, TableChoice { table, region, profile }: TableChoice) -> Result<Target, CliError> {
        let usage = |wrong: String| CliError::Usage(wrong);
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let table = Some(table_name(&table).map_err(usage)?);
        let region = given(region).map(|region| self::region(&region)).transpose().map_err(usage)?;
        let endpoint_url = self.endpoint_url.clone();
        Ok(Target { table, region, profile: given(profile), endpoint_url, ..Target::default() })
    }

    async fn found(&self) -> Result<(Table, SdkConfig), CliError> {
        if let Some(file) = self.store()? {
            let table = stored_demo::open(file)?;
            let _ = self.asked.set(format!("{STORE}{}", file.display()));
            // Nothing of AWS can be reached: a demo sees to its own callbacks.
            return Ok((table, SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build()));
        }
        let name = self.table_name()?;
        let config = self.config(&name).await?;
        let region = config.region().map(Region::as_ref).unwrap_or_default();
        let endpoint = endpoint_found(&config).map(|url| format!(", endpoint {url}")).unwrap_or_default();
        let _ = self.asked.set(format!("region {region}{endpoint}"));
        Ok((Table::new(&config, name), config))
    }

    /// Where the table was looked for: its region, and the endpoint if it is not AWS's own.
    pub(crate) fn asked(&self) -> Option<&str> {
        self.asked.get().map(String::as_str)
    }

    fn table_name(&self) -> Result<String, CliError> {
        if let Some(name) = &self.table {
            return Ok(name.clone());
        }
        match std::env::var(TABLE_VARIABLE) {
            Ok(name) if !name.is_empty() => {
                table_name(&name).map_err(|wrong| CliError::Usage(format!("{TABLE_VARIABLE}={name:?}: {wrong}")))
            }
            _ => Ok(TABLE.into()),
        }
    }

    async fn config(&self, table: &str) -> Result<SdkConfig, CliError> {
        // The SDK leaves out what is no address at all, tries it all the same, and then shows the whole request.
        for variable in [DYNAMODB_ENDPOINT_VARIABLE, ENDPOINT_VARIABLE] {
            if let Ok(url) = std::env::var(variable)
                && !url.is_empty()
            {
                endpoint(&url).map_err(|wrong| CliError::Usage(format!("{variable}={url:?}: {wrong}")))?;
            }
        }
        let providers = ProviderConfig::without_region().with_http_client(https::client());
        let metadata = imds::Client::builder()
            .configure(&providers)
            .connect_timeout(METADATA_WITHIN)
            .read_timeout(METADATA_WITHIN);
        let metadata = metadata.max_attempts(2).build();
        let region = self.find_region(&metadata).await.ok_or(CliError::NoRegion)?;
        self::region(region.as_ref()).map_err(|wrong| {
            let named = "which AWS_REGION, AWS_DEFAULT_REGION or the profile names";
            CliError::Usage(format!("the region {:?}, {named}: {wrong}", region.as_ref()))
        })?;
        let credentials = self.find_credentials(&region, providers, metadata).await;
        let credentials = FetchedCredentials::first(credentials).await.map_err(|why| CliError::NoCredentials {
            table: table.into(),
            profile: self.profile.clone(),
            why: half_set().filter(|_| self.profile.is_none()).unwrap_or_else(|| match &why {
                CredentialsError::CredentialsNotLoaded(_) if why.source().is_none() => match self.profile {
                    Some(_) => "no file in ~/.aws has such a profile with credentials in it".into(),
                    None => "neither the environment nor a file in ~/.aws has any".into(),
                },
                _ => causes(&why),
            }),
        })?;
        let mut loader = https::loader().region(region).credentials_provider(credentials);
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        if self.endpoint_url.is_some() {
            return Ok(config);
        }
        match endpoint_found(&config).as_deref() {
            None => Ok(config),
            // A variable, or a line in ~/.aws, that is set to nothing says nothing, as for AWS's own command.
            Some("") => {
                let mut without = config.into_builder();
                without.set_endpoint_url(None).set_service_config(Some(NoServiceConfig));
                Ok(without.build())
            }
            Some(url) => {
                endpoint(url).map_err(|wrong| CliError::Usage(format!("endpoint_url in ~/.aws={url:?}: {wrong}")))?;
                Ok(config)
            }
        }
    }

    async fn find_region(&self, metadata: &imds::Client) -> Option<Region> {
        let mut profile = ProfileFileRegionProvider::builder();
        if let Some(name) = &self.profile {
            profile = profile.profile_name(name);
        }
        let environment = EnvironmentVariableRegionProvider::new().region().await;
        // A variable that is set to nothing says nothing, as for AWS's own command.
        let environment = environment.filter(|region| !region.as_ref().is_empty());
        let chain = RegionProviderChain::first_try(self.region.clone().map(Region::new))
            .or_else(environment)
            .or_else(profile.build())
            .or_else(imds::region::ImdsRegionProvider::builder().imds_client(metadata.clone()).build());
        chain.region().await
    }

    /// A profile that was named wins over keys in the environment, as in the AWS CLI.
    async fn find_credentials(
        &self,
        region: &Region,
        providers: ProviderConfig,
        metadata: imds::Client,
    ) -> SharedCredentialsProvider {
        match &self.profile {
            Some(name) => {
                let profile = ProfileFileCredentialsProvider::builder()
                    .configure(&providers.with_region(Some(region.clone())))
                    .profile_name(name);
                SharedCredentialsProvider::new(profile.build())
            }
            None => {
                let chain = DefaultCredentialsChain::builder()
                    .configure(providers)
                    .region(region.clone())
                    .imds_client(metadata);
                SharedCredentialsProvider::new(chain.build().await)
            }
        }
    }
}

/// The endpoint of DynamoDB that is asked, if it is not AWS's own: the option's, or what the environment or a file in ~/.aws
/// names, for it alone or for all of AWS.
pub(crate) fn endpoint_found(config: &SdkConfig) -> Option<String> {
    // The SDK asks the option's before any other.
    if config.get_origin("endpoint_url").is_client_config() {
        return config.endpoint_url().map(str::to_owned);
    }
    let key = ServiceConfigKey::builder().service_id("DynamoDB").env(ENDPOINT_VARIABLE).profile("endpoint_url").build();
    let own = config.service_config().zip(key.ok()).and_then(|(services, key)| services.load_config(key));
    own.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// Says nothing of any service.
#[derive(Debug)]
struct NoServiceConfig;

impl LoadServiceConfig for NoServiceConfig {
    fn load_config(&self, _: ServiceConfigKey<'_>) -> Option<String> {
        None
    }
}

/// The account that a table is in: what its ARN says, else that of the credentials. None: it can not be known.
pub(crate) async fn account(config: &SdkConfig, table: &str) -> Option<String> {
    if let ["arn", _, "dynamodb", _, account, ..] = table.split(':').collect::<Vec<_>>()[..] {
        return Some(account.to_owned());
    }
    // Whoever is signed in may ask that: it needs no permission.
    let client = aws_sdk_sts::Client::new(config);
    let asked = tokio::time::timeout(ACCOUNT_WITHIN, client.get_caller_identity().send()).await.ok()?;
    asked.ok()?.account
}

/// Once the table's replies show it: on standard error.
fn tell_wrong_clock(table: &Table) {
    table.on_wrong_clock(|wrong| complain(&wrong.to_string()));
}

/// Credentials that were asked for before the first request needs them: so it is known what is missing, and
/// whoever signs in by a browser or types a code is not hurried by the request's own time limit.
#[derive(Debug)]
struct FetchedCredentials {
    first: Mutex<Option<Credentials>>,
    then: SharedCredentialsProvider,
}

impl FetchedCredentials {
    async fn first(provider: SharedCredentialsProvider) -> Result<FetchedCredentials, CredentialsError> {
        let first = provider.provide_credentials().await?;
        Ok(FetchedCredentials { first: Mutex::new(Some(first)), then: provider })
    }
}

impl ProvideCredentials for FetchedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        // What was asked for first is handed out once; when it has expired, the provider is asked again.
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(first) => future::ProvideCredentials::ready(Ok(first)),
            None => self.then.provide_credentials(),
        }
    }
}

/// An error and what caused it: the SDK's own messages are only "could not be loaded".
fn causes(error: &(dyn Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |&error| error.source());
    let mut words: Vec<String> = all.map(|cause| cause.to_string()).collect();
    words.dedup();
    words.join(": ")
}

fn table_name(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let named = (3..=255).contains(&text.len()) && text.bytes().all(plain);
    // A table of another account is named by its ARN.
    let fits = named || text.starts_with("arn:") && text.contains(":table/");
    if fits { Ok(text.into()) } else { Err("expected a table's name: 3 to 255 of A-Z a-z 0-9 . _ -".into()) }
}

fn profile_name(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("expected a profile's name, as in ~/.aws/config".into()) } else { Ok(text.into()) }
}

fn region(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits { Ok(text.into()) } else { Err("expected a region, as in eu-central-1".into()) }
}

/// Of the two variables that hold a key only one is set: which is missing, in words.
fn half_set() -> Option<String> {
    let [id, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match (is_set(id), is_set(secret)) {
        (true, false) => Some(format!("{id} is set, and {secret} is not")),
        (false, true) => Some(format!("{secret} is set, and {id} is not")),
        _ => None,
    }
}

/// Whether this is a host's name or address, and perhaps a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.'), port),
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            (end > 0 && text[..end].bytes().all(plain), &text[end..])
        }
    };
    host && (port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()))
}

fn endpoint(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if is_host(rest.split('/').next().unwrap_or_default()) && !text.contains(char::is_whitespace) => {
            Ok(text.into())
        }
        _ => Err("expected http:// or https:// and a host, as in http://127.0.0.1:8000".into()),
    }
}
