use crate::program::{hes, run};

#[test]
fn help_speaks_the_language_of_the_option_or_of_the_locale() {
    let english = run(&mut hes(&["--help"]));
    assert_eq!(english.code, 0);
    assert!(english.stdout.contains("Usage: hes") && english.stdout.contains("Exit codes:"), "{}", english.stdout);

    let by_option = run(&mut hes(&["--lang", "zh", "--help"]));
    let by_locale = run(hes(&["--help"]).env("LANG", "zh_CN.UTF-8"));
    assert_eq!(by_option.stdout, by_locale.stdout);
    for heading in ["用法: hes", "命令:", "选项:", "退出码"] {
        assert!(by_option.stdout.contains(heading), "{heading} is not in\n{}", by_option.stdout);
    }
    let option_wins = run(hes(&["--lang", "en", "--help"]).env("LANG", "zh_CN.UTF-8"));
    assert_eq!(option_wins.stdout, english.stdout);
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    for args in [&[][..], &["no-such-command"], &["--lang", "fr", "--help"], &["config", "check", "--no-such-option"]] {
        assert_eq!(run(&mut hes(args)).code, 2, "{args:?}");
    }
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run(&mut hes(&["completions", shell]));
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("completions"), "{shell}: {}", ran.stdout);
    }
}
