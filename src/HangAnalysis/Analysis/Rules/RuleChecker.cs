using System.Globalization;
using HangAnalysis.Model;

namespace HangAnalysis.Analysis.Rules;

/// <summary>Makes known issues of a file's rules, and says with the line what of it is wrong.</summary>
/// <param name="file">The file, for messages.</param>
/// <param name="isBuiltIn">Whether it comes with the program.</param>
/// <param name="lines">Where each value stands.</param>
internal sealed class RuleChecker(string file, bool isBuiltIn, JsonLines lines)
{
    private const int MostRules = 10_000;
    private const int MostPatterns = 200;
    private const int LongestPattern = 500;

    /// <summary>The issues; throws <see cref="RuleFileException"/> for the first thing that is wrong.</summary>
    public List<KnownIssue> Check(RuleFileShape? shape)
    {
        if (shape is null)
            throw Wrong("", "the file holds no object");
        CheckNames(shape, "");
        if (shape.Schema != RuleFileShape.Name)
            throw Wrong("schema", $"schema has to be \"{RuleFileShape.Name}\"");
        if (shape.Rules is null)
            throw Wrong("", "rules is missing");
        if (shape.Rules.Count > MostRules)
            throw Wrong("rules", $"{shape.Rules.Count:N0} rules; a file has at most {MostRules:N0}");
        List<KnownIssue> issues = [];
        HashSet<string> ids = new(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < shape.Rules.Count; i++)
        {
            string path = $"rules[{i}]";
            KnownIssue issue = CheckRule(shape.Rules[i] ?? throw Wrong(path, "a rule is null"), path);
            if (!ids.Add(issue.Id))
                throw Wrong($"{path}.id", $"the id '{issue.Id}' is given twice");
            issues.Add(issue);
        }
        return issues;
    }

    private KnownIssue CheckRule(RuleShape rule, string path)
    {
        CheckNames(rule, path);
        string id = Text(rule.Id, path, "id");
        if (!id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            throw Wrong($"{path}.id", $"the id '{id}' may have letters, digits, '-', '_' and '.' only");
        IssueKind kind = Enumeration<IssueKind>(Text(rule.Kind, path, "kind"), $"{path}.kind");
        IssueConfidence confidence = Enumeration<IssueConfidence>(Text(rule.Confidence, path, "confidence"), $"{path}.confidence");
        List<IssueEvidence> ways = [CheckWhen(rule.When ?? throw Missing(path, "when"), $"{path}.when", confidence)];
        for (int i = 0; i < (rule.OrWhen?.Count ?? 0); i++)
            ways.Add(CheckWhen(rule.OrWhen![i] ?? throw Wrong($"{path}.orWhen[{i}]", "a way is null"), $"{path}.orWhen[{i}]", confidence));
        if (rule.Refs is not { Count: > 0 })
            throw Missing(path, "refs");
        List<string> references = [];
        for (int i = 0; i < rule.Refs.Count; i++)
            references.Add(rule.Refs[i] is { } url && Uri.TryCreate(url, UriKind.Absolute, out Uri? uri)
                && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
                ? url
                : throw Wrong($"{path}.refs[{i}]", $"'{rule.Refs[i]}' is no address of a web page (https://…)"));
        return new KnownIssue
        {
            Id = id,
            Kind = kind,
            Confidence = confidence,
            Ways = ways,
            Says = Text(rule.Says, path, "says"),
            Advice = Text(rule.Advice, path, "advice"),
            Note = rule.Note,
            References = references,
            Checked = Day(Text(rule.Checked, path, "checked"), $"{path}.checked"),
            File = isBuiltIn ? null : file,
        };
    }

    private IssueEvidence CheckWhen(WhenShape when, string path, IssueConfidence confidence)
    {
        CheckNames(when, path);
        IssueEvidence evidence = new()
        {
            Codes = [.. Each(when.Code, path, "code").Select(v => (uint)Number(v.Value, v.Path, uint.MaxValue))],
            Parameters = [Parameter(when.P1, $"{path}.p1"), Parameter(when.P2, $"{path}.p2"), Parameter(when.P3, $"{path}.p3"),
                Parameter(when.P4, $"{path}.p4")],
            FaultModule = Module(when.FaultModule, $"{path}.faultModule"),
            Culprit = Module(when.Culprit, $"{path}.culprit"),
            Causes = [.. Each(when.Cause, path, "cause").Select(v => Enumeration<CrashCause>(v.Value, v.Path))],
            Instructions = Patterns(when.Instruction, path, "instruction"),
            StackAny = Patterns(when.StackAny, path, "stackAny"),
            StackAll = Patterns(when.StackAll, path, "stackAll"),
            StackNone = Patterns(when.StackNone, path, "stackNone"),
            Owners = Patterns(when.Owner, path, "owner"),
            Waiters = Patterns(when.Waiter, path, "waiter"),
            RequestHolders = Patterns(when.IrpHolder, path, "irpHolder"),
            Verdicts = [.. Each(when.Verdict, path, "verdict").Select(v => Enumeration<VerdictClass>(v.Value, v.Path))],
            Processes = Patterns(when.ProcessName, path, "processName"),
            FaultUnloaded = Patterns(when.FaultUnloaded, path, "faultUnloaded"),
            PoolTag = PoolTag(when.PoolTag, $"{path}.poolTag"),
            Loaded = Loaded(when.ModuleLoaded, $"{path}.moduleLoaded"),
            Unloaded = Patterns(when.ModuleUnloaded, path, "moduleUnloaded"),
            Builds = Builds(when.Os, $"{path}.os"),
            LeastWait = when.MinWaitSeconds is not { } seconds ? null
                : seconds is >= 0 and < 1e9 ? TimeSpan.FromSeconds(seconds)
                : throw Wrong($"{path}.minWaitSeconds", $"{seconds} is no number of seconds"),
            Days = Days(when.Date, $"{path}.date"),
        };
        for (int i = 0; i < evidence.Parameters.Count; i++)
            if (evidence.Parameters[i] is not null && evidence.Codes.Count == 0)
                throw Wrong($"{path}.p{i + 1}", "a parameter means nothing without code");
        bool isPresenceOnly = evidence.Loaded.Count > 0 || evidence.Unloaded.Count > 0;
        if (!evidence.HasEvidence && !(isPresenceOnly && confidence == IssueConfidence.Hint))
            throw Wrong(path, isPresenceOnly
                ? "that a module is loaded is no evidence: add where it was found, or make the confidence hint"
                : "no evidence is asked for: a build, a day, a process, a class or an age fits too many dumps");
        if (isPresenceOnly && !evidence.HasPlace && confidence != IssueConfidence.Hint)
            throw Wrong(path, "that a module is loaded is no evidence: add where it was found, or make the confidence hint");
        return evidence;
    }

    private ParameterCondition? Parameter(ParameterShape? shape, string path)
    {
        if (shape is null)
            return null;
        CheckNames(shape, path);
        List<ulong> values = [.. Each(shape.Any, path, "any").Select(v => Number(v.Value, v.Path, ulong.MaxValue))];
        if (shape.Eq is { } value)
            values.Add(Number(value, $"{path}.eq", ulong.MaxValue));
        if (shape.OneBitOff is < 1 or > 4)
            throw Wrong($"{path}.oneBitOff", $"{shape.OneBitOff} is no number of a parameter (1 to 4)");
        ulong mask = shape.Mask is { } text ? Number(text, $"{path}.mask", ulong.MaxValue) : ulong.MaxValue;
        foreach (ulong wanted in values)
            if ((wanted & ~mask) != 0)
                throw Wrong(path, $"0x{wanted:x} has bits that the mask leaves out: nothing fits it");
        IReadOnlyList<NamePattern> modules = Patterns(shape.Module, path, "module");
        if (values.Count == 0 && shape.OneBit != true && shape.OneBitOff is null && modules.Count == 0)
            throw Wrong(path, "the parameter may be anything: eq, any, oneBit, oneBitOff or module is missing");
        return new ParameterCondition(mask, values, shape.OneBit == true, shape.OneBitOff ?? 0, modules);
    }

    private ModuleCondition? Module(ModuleShape? shape, string path)
    {
        if (shape is null)
            return null;
        CheckNames(shape, path);
        IReadOnlyList<NamePattern> names = Patterns(shape.Name, path, "name");
        return names.Count == 0
            ? throw Missing(path, "name")
            : new ModuleCondition(names, Version(shape.VersionFrom, $"{path}.versionFrom"),
                Version(shape.VersionBefore, $"{path}.versionBefore"),
                shape.TimestampBefore is { } day ? Day(day, $"{path}.timestampBefore") : null);
    }

    private List<ModuleCondition> Loaded(IReadOnlyList<ModuleShape?>? shapes, string path)
    {
        List<ModuleCondition> modules = [];
        for (int i = 0; i < (shapes?.Count ?? 0); i++)
            modules.Add(Module(shapes![i], $"{path}[{i}]") ?? throw Wrong($"{path}[{i}]", "a module is null"));
        return shapes is { Count: 0 } ? throw Wrong(path, "moduleLoaded is empty") : modules;
    }

    private PoolTagCondition? PoolTag(PoolTagShape? shape, string path)
    {
        if (shape is null)
            return null;
        CheckNames(shape, path);
        const double Megabyte = 1 << 20;
        IReadOnlyList<NamePattern> tags = Patterns(shape.Tag, path, "tag");
        if (tags.Count == 0)
            throw Missing(path, "tag");
        if (shape.MinMegabytes is not (> 0 and < 1e9))
            throw Wrong($"{path}.minMB", "minMB has to be a number above 0: every system has some memory under every tag");
        return new PoolTagCondition(tags, (ulong)(shape.MinMegabytes.Value * Megabyte), shape.Kind switch
        {
            null => null,
            "paged" => true,
            "nonpaged" => false,
            _ => throw Wrong($"{path}.kind", $"'{shape.Kind}' is neither paged nor nonpaged"),
        });
    }

    private (int?, int?) Builds(RangeShape? shape, string path)
    {
        if (shape is null)
            return default;
        CheckNames(shape, path);
        return shape is { Min: null, Max: null } || shape.Min > shape.Max || shape.Min < 0
            ? throw Wrong(path, "os needs min or max, builds such as 9600, the lesser one first")
            : (shape.Min, shape.Max);
    }

    private (DateOnly?, DateOnly?) Days(DaysShape? shape, string path)
    {
        if (shape is null)
            return default;
        CheckNames(shape, path);
        DateOnly? from = shape.From is { } first ? Day(first, $"{path}.from") : null;
        DateOnly? to = shape.To is { } last ? Day(last, $"{path}.to") : null;
        return (from is null && to is null) || from > to
            ? throw Wrong(path, "date needs from or to, the earlier one first")
            : (from, to);
    }

    private List<NamePattern> Patterns(IReadOnlyList<string?>? texts, string path, string name)
    {
        List<NamePattern> patterns = [];
        foreach ((string text, string place) in Each(texts, path, name))
        {
            if (text.Length > LongestPattern)
                throw Wrong(place, $"a pattern of {text.Length:N0} characters; it may have {LongestPattern}");
            (NamePattern pattern, string? problem) = NamePattern.Parse(text);
            if (problem is not null)
                throw Wrong(place, problem);
            bool isFrame = name is "stackAny" or "stackAll" or "stackNone";
            if (isFrame && !text.Contains('!', StringComparison.Ordinal) && !text.Contains('+', StringComparison.Ordinal))
                throw Wrong(place, $"'{text}' is no frame: write MODULE!FUNCTION, MODULE!*, or MODULE+0xOFFSET");
            if (pattern.FitsAll && name is not ("faultUnloaded" or "tag"))
                throw Wrong(place, $"'{text}' fits everything");
            patterns.Add(pattern);
        }
        return patterns;
    }

    /// <summary>The texts of a list with their places; none of them is null, and the list is not empty if it is there.</summary>
    private List<(string Value, string Path)> Each(IReadOnlyList<string?>? texts, string path, string name)
    {
        if (texts is { Count: 0 })
            throw Wrong($"{path}.{name}", $"{name} is empty");
        if (texts is { Count: > MostPatterns })
            throw Wrong($"{path}.{name}", $"{texts.Count:N0} entries; there may be {MostPatterns}");
        List<(string, string)> values = [];
        for (int i = 0; i < (texts?.Count ?? 0); i++)
            values.Add((texts![i] ?? throw Wrong($"{path}.{name}[{i}]", $"an entry of {name} is null"), $"{path}.{name}[{i}]"));
        return values;
    }

    private ulong Number(string text, string path, ulong most)
    {
        bool isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return ulong.TryParse(isHex ? text.AsSpan(2) : text, isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None,
            CultureInfo.InvariantCulture, out ulong number) && number <= most
                ? number
                : throw Wrong(path, $"'{text}' is no number such as \"0x7e\"");
    }

    private DateOnly Day(string text, string path) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day)
            ? day
            : throw Wrong(path, $"'{text}' is no day such as 2025-10-28");

    private FileVersion? Version(string? text, string path) => text is null
        ? null
        : FileVersion.TryParse(text, isWhole: true) ?? throw Wrong(path, $"'{text}' is no version such as 6.1.7601.23689");

    private T Enumeration<T>(string text, string path) where T : struct, Enum
    {
        foreach (T value in Enum.GetValues<T>())
            if (ContractWords.Of(value) == text)
                return value;
        throw Wrong(path, $"'{text}' is none of {string.Join(", ", Enum.GetValues<T>().Select(v => ContractWords.Of(v)))}");
    }

    private string Text(string? text, string path, string name) => text is null
        ? throw Missing(path, name)
        : string.IsNullOrWhiteSpace(text) ? throw Wrong($"{path}.{name}", $"{name} is empty") : text;

    /// <summary>What nobody knows is a slip of the pen, and the rule would mean something else.</summary>
    private void CheckNames(OpenShape shape, string path)
    {
        foreach (string name in shape.Others?.Keys ?? Enumerable.Empty<string>())
            throw Wrong(JsonLines.Join(path, name), $"unknown property '{name}'; see docs/rules.md");
    }

    private RuleFileException Missing(string path, string name) => Wrong(path, $"{name} is missing");

    private RuleFileException Wrong(string path, string reason) =>
        new($"{file}({lines.Of(path)}): {(path.Length == 0 ? "" : $"{path}: ")}{reason}");
}
