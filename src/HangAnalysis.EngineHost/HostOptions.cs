using System.Globalization;

namespace HangAnalysis.EngineHost;

/// <summary>The arguments of <c>hangdbg</c>.</summary>
internal sealed record HostOptions
{
    public const string Usage = """
        usage: hangdbg [OPTION...] DUMP [COMMAND...]
          --symbols PATH      symbol path, set before the dump is opened
          --extension DLL     loads an extension with .load; default: HangAnalysis.dll beside this program, if it is there
          --no-extension      loads none
          --commands FILE     runs the commands of a file, one a line, after those of the command line
          --dml               prints DML with its tags, and turns .prefer_dml on
          --echo              prints each command before its output
          --quiet             does not print what the engine says while it opens the dump
          --break-after MS    asks each command to stop after so many milliseconds
          --timeout MS        how long opening may take; default 60000
        Commands that begin with % are for hangdbg itself:
          %dml on | off       prefers DML and prints its tags, or not
          %open DUMP          ends the session and opens another dump; its folder is the symbol path
          %break MS           asks the next command to stop after so many milliseconds, and says how long that took
        """;

    public string Dump { get; private init; } = "";
    public IReadOnlyList<string> Commands { get; private init; } = [];
    public string? SymbolPath { get; private set; }
    public string? Extension { get; private set; }
    public bool NoExtension { get; private set; }
    public bool Dml { get; private set; }
    public bool Echo { get; private set; }
    public bool Quiet { get; private set; }
    public int? BreakAfter { get; private set; }
    public int Timeout { get; private set; } = 60_000;

    /// <summary>Takes arguments apart; null with one line of what is wrong.</summary>
    public static HostOptions? Parse(string[] arguments, out string error)
    {
        error = "";
        HostOptions options = new();
        List<string> words = [], file = [];
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            // Behind the dump everything is a command.
            if (words.Count > 0 || !name.StartsWith("--", StringComparison.Ordinal))
            {
                words.Add(name);
                continue;
            }
            bool needsValue = name is "--symbols" or "--extension" or "--commands" or "--break-after" or "--timeout";
            if (needsValue && ++i == arguments.Length)
            {
                error = $"{name} needs a value";
                return null;
            }
            if (!options.TryTake(name, needsValue ? arguments[i] : "", file, out error))
                return null;
        }
        if (words.Count == 0)
        {
            error = "no dump is named";
            return null;
        }
        return options with { Dump = words[0], Commands = [.. words.Skip(1), .. file] };
    }

    private bool TryTake(string name, string value, List<string> file, out string error)
    {
        error = "";
        int number = 0;
        if (name is "--break-after" or "--timeout"
            && !int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out number))
            error = $"{name}: '{value}' is no number";
        switch (name)
        {
            case "--symbols": SymbolPath = value; break;
            case "--extension": Extension = value; break;
            case "--no-extension": NoExtension = true; break;
            case "--dml": Dml = true; break;
            case "--echo": Echo = true; break;
            case "--quiet": Quiet = true; break;
            case "--break-after": BreakAfter = number; break;
            case "--timeout": Timeout = number; break;
            case "--commands":
                try
                {
                    file.AddRange(File.ReadAllLines(value).Where(l => l.Length > 0));
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
                {
                    error = exception.Message;
                }
                break;
            default: error = $"unknown option {name}"; break;
        }
        return error.Length == 0;
    }
}
