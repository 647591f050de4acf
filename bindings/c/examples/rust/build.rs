//! Tells rustc where libmillrace is: in the directory that MILLRACE_LIB_DIR names, or where pkg-config finds it.
//!
//! The directory is not written into programs: where the system's loader does not look, LD_LIBRARY_PATH names it.
use std::env;
use std::process::{exit, Command};

fn main() {
    for name in ["MILLRACE_LIB_DIR", "PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(directory) = env::var("MILLRACE_LIB_DIR") {
        println!("cargo:rustc-link-search=native={directory}");
        println!("cargo:rustc-link-lib=dylib=millrace");
        return;
    }
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| String::from("pkg-config"));
    match ask(&program) {
        Ok(flags) => link(&flags),
        Err(why) => {
            eprintln!("millrace: {program}: {why}; install libmillrace, or name its directory in MILLRACE_LIB_DIR");
            exit(1);
        }
    }
}

fn ask(program: &str) -> Result<String, String> {
    let answer = Command::new(program).args(["--libs", "millrace"]).output().map_err(|error| error.to_string())?;
    if !answer.status.success() {
        return Err(String::from_utf8_lossy(&answer.stderr).trim().replace('\n', " "));
    }
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
}

fn link(flags: &str) {
    for flag in flags.split_whitespace() {
        if let Some(directory) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={directory}");
        } else if let Some(library) = flag.strip_prefix("-l") {
            println!("cargo:rustc-link-lib=dylib={library}");
        }
    }
}
