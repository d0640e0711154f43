using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>The program in a terminal: what only terminal, signals and .NET's console together can show.</summary>
[Platform("Linux")]
public class RealTerminalTests
{
    private const string Prompt = "hang>";

    private DirectoryInfo _state = null!;

    [SetUp]
    public void Begin() => _state = Directory.CreateTempSubdirectory("hangwhy-state-");

    [TearDown]
    public void End() => _state.Delete(recursive: true);

    [Test]
    public void Tab_completes_up_recalls_go_follows_control_C_ends_nothing_and_quit_ends_the_program()
    {
        using (Tmux terminal = Start("PAGER="))
        {
            terminal.WaitForLastRow(Prompt);
            terminal.Type("hang");
            terminal.Press("Tab");
            terminal.WaitForLastRow($"{Prompt} hangwhy");
            terminal.Press("Enter");
            string[] rows = WaitForPromptAfter(terminal, $"{Prompt} hangwhy");
            Assert.That(rows[^2], Does.StartWith("go 1 !t ffffab06b8121080 · 2 !us -p ffffab06b8137800 · 3 !lpcchain ffffab06b1b28800"));

            terminal.Type("go 2");
            terminal.Press("Enter");
            rows = WaitForPromptAfter(terminal, $"{Prompt} go 2");
            Assert.That(rows, Has.Member($"{Prompt} !us -p ffffab06b8137800").And.Member("1 thread [stats]: ffffab06b8121080"));

            terminal.Press("Up", "Up");
            terminal.WaitForLastRow($"{Prompt} hangwhy");
            terminal.Press("C-c");
            rows = terminal.WaitForLastRow(Prompt);
            Assert.That(rows[^2], Does.StartWith($"{Prompt} hangwhy").And.EndWith("^C"));

            // Whether the key comes while the command reads, prints or is over: the program goes on.
            terminal.Type("us -k");
            terminal.Press("Enter", "C-c", "C-c");
            terminal.Press("C-u");
            terminal.Type("us /q -p c1c");
            terminal.Press("Enter");
            WaitForPromptAfter(terminal, "ffffab06b8121080");

            terminal.Type("quit");
            terminal.Press("Enter");
            terminal.WaitForLastRow("ended 0");
        }
        using Tmux second = Start("PAGER=");
        second.WaitForLastRow(Prompt);
        second.Press("Up", "Up");
        second.WaitForLastRow($"{Prompt} us /q -p c1c");
        second.Press("C-u", "C-d");
        second.WaitForLastRow("ended 0");
    }

    [Test]
    public void Output_that_is_longer_than_the_screen_goes_through_the_pager_that_the_user_has_chosen()
    {
        string seen = Path.Combine(_state.FullName, "seen");
        using Tmux terminal = Start($"PAGER='cat > {seen}'");
        terminal.WaitForLastRow(Prompt);

        terminal.Type("us -k");
        terminal.Press("Enter");
        string[] rows = WaitForPromptAfter(terminal, $"{Prompt} us -k");

        Assert.That(File.ReadAllText(seen), Does.Contain("nt!KiSwapContext").And.Contain("Total threads"));
        Assert.That(string.Join('\n', rows), Does.Not.Contain("nt!KiSwapContext"));
    }

    /// <summary>Waits until a row is on the screen and a prompt stands somewhere below it.</summary>
    private static string[] WaitForPromptAfter(Tmux terminal, string row) => terminal.WaitFor(
        all => Array.IndexOf(all, row) is >= 0 and var at && at < all.Length - 1 && all[^1] == Prompt,
        $"'{row}' and a prompt below it");

    private Tmux Start(string environment) => new(120, 24,
        $"env {environment} XDG_STATE_HOME='{_state.FullName}' NO_COLOR=1 " +
        $"dotnet '{Path.Combine(TestContext.CurrentContext.TestDirectory, "hangwhy.dll")}' -i '{PromptFixture.Sample}'");
}
