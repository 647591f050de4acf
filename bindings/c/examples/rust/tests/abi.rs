//! What src/ffi.rs declares, and what the harness agent does beside it, against the golden table of the C ABI in this
//! repository: values, fields with their sizes, prototypes.
use std::collections::BTreeSet;
use std::fs;

fn read(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// In one line, however it is formatted.
fn read_flat(path: &str) -> String {
    read(path).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn size_of(rust: &str) -> usize {
    match rust {
        "u32" | "i32" | "mr_status" => 4,
        "u64" | "i64" | "usize" => 8,
        "mr_str" | "mr_id" => 16,
        "[c_char; 512]" => 512,
        pointer if pointer.starts_with('*') => 8,
        other => panic!("{other} is new here: say its size"),
    }
}

fn c_type(rust: &str) -> String {
    if let Some(target) = rust.strip_prefix("*mut ") {
        return format!("{}*", c_type(target));
    }
    if let Some(target) = rust.strip_prefix("*const ") {
        return format!("const {}*", c_type(target));
    }
    match rust {
        "u32" | "u64" | "i64" => format!("{}_t", rust.replace('i', "int").replace('u', "uint")),
        "usize" => "size_t".into(),
        "c_char" | "u8" => "char".into(),
        "c_int" => "int".into(),
        ours => ours.into(),
    }
}

/// `name: type` of each, where no type has a comma.
fn pairs(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.split(',').filter_map(|each| each.trim().trim_start_matches("pub ").split_once(": "))
}

/// `mr_x(a: *const mr_y) -> mr_status` as C writes it; what is fallible has an error behind its arguments.
fn prototype(rust: &str, is_fallible: bool) -> String {
    let (name, rest) = rust.split_once('(').expect("a prototype");
    let (arguments, result) = rest.split_once(')').expect("a prototype");
    let mut arguments: Vec<String> = pairs(arguments).map(|(name, of)| format!("{} {}", c_type(of), name)).collect();
    let mut result = result.trim().strip_prefix("-> ").map_or("void".into(), c_type);
    if is_fallible {
        arguments.push("mr_error* error".into());
        result = "mr_status".into();
    }
    format!("function {name} {result} {name}({})", arguments.join(", "))
}

fn fields(name: &str, list: &str) -> Vec<String> {
    let (mut offset, mut declared) = (0_usize, Vec::new());
    for (field, of) in pairs(list) {
        let size = size_of(of);
        offset += offset.wrapping_neg() % size.min(8); // as C aligns it
        declared.push(format!("field {name}.{field} {offset} {size}"));
        offset += size;
    }
    declared.push(format!("struct {name} {}", (offset + 7) / 8 * 8));
    declared
}

/// The structs of a text, `mr_x { a: u32 }`, but for those that nobody looks into.
fn structs(text: &str) -> Vec<String> {
    let blocks = text.match_indices(" { ").filter_map(|(at, _)| {
        let name = text[..at].rsplit(' ').next()?;
        let list = text[at + 3..].split_once('}')?.0;
        (name.starts_with("mr_") && !list.starts_with("_opaque")).then(|| fields(name, list))
    });
    blocks.flatten().collect()
}

fn declared_in(text: &str) -> Vec<String> {
    // What is behind them in the text makes some of them.
    let mut declared = structs(text.split_once("extern \"C\" { pub").expect("functions").0);
    for item in text.split("pub const MR_").skip(1) {
        let (name, value) = item.split_once(';').unwrap().0.split_once(" = ").unwrap();
        declared.push(format!("constant MR_{} {value}", name.split_once(':').unwrap().0));
    }
    let (plain, fallible) = text.split_once("fallible! {").unwrap_or((text, ""));
    for (text, is_fallible) in [(plain, false), (fallible, true)] {
        let functions = text.split("fn mr_").skip(1).map(|item| item.split_once(';').unwrap().0);
        declared.extend(functions.map(|function| prototype(&format!("mr_{function}"), is_fallible)));
    }
    declared
}

#[test]
fn declarations_are_the_headers() {
    let golden = read("../../../../tests/abi/golden.txt");
    let golden: BTreeSet<&str> = golden.lines().collect();
    let ours = declared_in(&read_flat("src/ffi.rs"));
    assert!(ours.len() > 60, "only {} were found", ours.len());
    let agents = declared_in(&read_flat("../../../../harness/agents/rust/src/ffi.rs"));
    assert!(agents.len() > 80, "only {} were found", agents.len());
    let id =
        fields("mr_id", read_flat("src/lib.rs").split_once("pub struct Id {").unwrap().1.split_once('}').unwrap().0);
    let wrong: Vec<_> =
        [ours, agents, id].concat().into_iter().filter(|line| !golden.contains(line.as_str())).collect();
    assert!(wrong.is_empty(), "not as in millrace.h: {wrong:#?}");
}
