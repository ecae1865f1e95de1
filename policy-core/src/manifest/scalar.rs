//! What a plain YAML scalar means to the API machinery: the rules of go-yaml v2, not those of
//! YAML 1.2.

/// A plain scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Plain {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// Infinite or not a number: JSON has no such value.
    NotInJson(&'static str),
    String,
    /// `<<`
    Merge,
}

/// Resolves a plain scalar.
pub(super) fn resolve(text: &str) -> Plain {
    let Some(first) = text.bytes().next() else { return Plain::Null };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(text),
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' | b'<' => {
            word(text)
        }
        _ => Plain::String,
    }
}

fn word(text: &str) -> Plain {
    match text {
        "~" | "null" | "Null" | "NULL" => Plain::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Plain::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Plain::Bool(false)
        }
        "<<" => Plain::Merge,
        _ => Plain::String,
    }
}

fn number(text: &str) -> Plain {
    match text {
        ".nan" | ".NaN" | ".NAN" => return Plain::NotInJson("NaN"),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Plain::NotInJson("+Inf"),
        "-.inf" | "-.Inf" | "-.INF" => return Plain::NotInJson("-Inf"),
        _ => {}
    }
    if is_timestamp(text) {
        return Plain::String;
    }
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    if let Some(int) = integer(&plain) {
        return match (i64::try_from(int), u64::try_from(int)) {
            (Ok(int), _) => Plain::Int(int),
            (Err(_), Ok(uint)) => Plain::Uint(uint),
            (Err(_), Err(_)) => Plain::String,
        };
    }
    if is_float(&plain)
        && let Ok(float) = plain.parse::<f64>()
        && float.is_finite()
    {
        return Plain::Float(float);
    }
    Plain::String
}

/// As Go's `ParseInt(text, 0, 64)` and `ParseUint`: the base by its prefix, `0` alone for octal.
fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(hex) = lower.strip_prefix("0x") {
        (16, hex)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.get(1..)?)
    } else {
        (10, lower.as_str())
    };
    // The library would take a second sign.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i128::from_str_radix(digits, radix).ok().map(|number| sign * number)
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_is_number = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    let exponent_is_number = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    mantissa_is_number && exponent_is_number
}

/// A date, `2006-1-2`, whatever follows: the API machinery hands it on as the string it was.
fn is_timestamp(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    year.len() == 4 && digits(year) && matches!(month.len(), 1 | 2) && digits(month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Plain) {
        assert_eq!(resolve(text), expected, "{text}");
    }

    #[test]
    fn as_go_yaml_v2() {
        check("", Plain::Null);
        check("~", Plain::Null);
        check("nULL", Plain::String);
        for word in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
            check(word, Plain::Bool(true));
        }
        for word in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"] {
            check(word, Plain::Bool(false));
        }
        check("yEs", Plain::String);
        check("0", Plain::Int(0));
        check("80", Plain::Int(80));
        check("+80", Plain::Int(80));
        check("-1", Plain::Int(-1));
        check("0644", Plain::Int(420));
        check("0o120", Plain::Int(80));
        check("0x50", Plain::Int(80));
        check("0b1010000", Plain::Int(80));
        check("8_0", Plain::Int(80));
        check("08", Plain::Float(8.0));
        check("1e2", Plain::Float(100.0));
        check("80.5", Plain::Float(80.5));
        check(".5", Plain::Float(0.5));
        check("1.", Plain::Float(1.0));
        check("18446744073709551615", Plain::Uint(u64::MAX));
        check("-9223372036854775808", Plain::Int(i64::MIN));
        check("0xyz", Plain::String);
        check("1:20", Plain::String);
        check("184034350e004350", Plain::String);
        check("2020-01-01", Plain::String);
        check("10.0.0.1", Plain::String);
        check("1.2.3", Plain::String);
        check("-", Plain::String);
        check("+-1", Plain::String);
        check(".inf", Plain::NotInJson("+Inf"));
        check("-.INF", Plain::NotInJson("-Inf"));
        check(".nan", Plain::NotInJson("NaN"));
        check("<<", Plain::Merge);
        check("web", Plain::String);
    }
}
