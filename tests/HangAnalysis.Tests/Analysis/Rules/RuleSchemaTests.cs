using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using HangAnalysis.Analysis;
using HangAnalysis.Analysis.Rules;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Analysis.Rules;

/// <summary>What editors are told of files of rules is what the program takes.</summary>
public class RuleSchemaTests
{
    private static readonly string s_docs = Path.Combine(SharedMaterial.RepositoryRoot, "docs");
    private static readonly JsonElement s_schema =
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(s_docs, "rules.schema.json"))).RootElement;

    private static readonly string s_builtIn = File.ReadAllText(
        Path.Combine(SharedMaterial.RepositoryRoot, "src", "HangAnalysis", "Analysis", "Rules", "known-issues.json"));

    [Test]
    public void The_built_in_rules_are_as_the_schema_says() => Assert.That(Problems(s_builtIn), Is.Empty);

    [Test]
    public void The_example_of_the_documentation_is_taken_by_both()
    {
        string text = File.ReadAllText(Path.Combine(s_docs, "rules.md"));
        string example = Regex.Match(text, @"(?ms)^    \{$.*?^    \}$").Value;

        Assert.That(Problems(example), Is.Empty);
        Assert.That(RuleFile.Parse(Encoding.UTF8.GetBytes(example), "rules.md").Single().DescribeWays(), Has.Count.EqualTo(2));
    }

    [TestCase("\"kind\": \"crash\"", "\"kind\": \"stall\"")]
    [TestCase("\"checked\": \"2025-10-28\"", "\"checked\": \"yesterday\"")]
    [TestCase("\"says\"", "\"sais\"")]
    [TestCase("https://", "ftp://")]
    [TestCase("\"0x1e\"", "\"1e\"")]
    [TestCase("srv!SrvOs2FeaToNt", "srv")]
    [TestCase("\"stackAny\": [\"srv", "\"stackSome\": [\"srv")]
    public void Both_refuse_what_is_wrong(string part, string instead)
    {
        string wrong = s_builtIn.Replace(part, instead);

        Assert.That(Problems(wrong), Is.Not.Empty);
        Assert.That(() => RuleFile.Parse(Encoding.UTF8.GetBytes(wrong), "x"), Throws.TypeOf<RuleFileException>());
    }

    [Test]
    public void Both_know_the_same_properties_and_words()
    {
        JsonElement rule = Definition("rule"), when = Definition("when");

        Assert.That(Names(rule), Is.EquivalentTo(Names(typeof(RuleShape))));
        Assert.That(Names(when), Is.EquivalentTo(Names(typeof(WhenShape))));
        Assert.That(Names(Definition("parameter")), Is.EquivalentTo(Names(typeof(ParameterShape))));
        Assert.That(Names(Definition("module")), Is.EquivalentTo(Names(typeof(ModuleShape))));
        Assert.That(Words(rule, "kind"), Is.EquivalentTo(Enum.GetValues<IssueKind>().Select(v => ContractWords.Of(v))));
        Assert.That(Words(rule, "confidence"), Is.EquivalentTo(Enum.GetValues<IssueConfidence>().Select(v => ContractWords.Of(v))));
        Assert.That(Words(when, "verdict"), Is.EquivalentTo(Enum.GetValues<VerdictClass>().Select(v => ContractWords.Of(v))));
        Assert.That(Words(when, "cause"), Is.EquivalentTo(Enum.GetValues<CrashCause>().Select(v => ContractWords.Of(v))));
    }

    [Test]
    public void The_documentation_explains_every_property()
    {
        string text = File.ReadAllText(Path.Combine(s_docs, "rules.md"));

        foreach (string name in (string[])[.. Names(Definition("rule")), .. Names(Definition("when")).Where(n => n is not ("p2" or "p3")),
            .. Names(Definition("parameter")), .. Names(Definition("module"))])
            Assert.That(text, Does.Contain($"`{name}`"), name);
    }

    private static JsonElement Definition(string name) => s_schema.GetProperty("$defs").GetProperty(name);

    private static IEnumerable<string> Names(JsonElement definition) =>
        definition.GetProperty("properties").EnumerateObject().Select(p => p.Name);

    private static IEnumerable<string> Names(Type shape) => ((IJsonTypeInfoResolver)RuleJsonContext.Default)
        .GetTypeInfo(shape, RuleJsonContext.Default.Options)!.Properties.Where(p => !p.IsExtensionData).Select(p => p.Name);

    private static IEnumerable<string?> Words(JsonElement definition, string property)
    {
        JsonElement values = definition.GetProperty("properties").GetProperty(property);
        return (values.TryGetProperty("items", out JsonElement items) ? items : values).GetProperty("enum").EnumerateArray().Select(v => v.GetString());
    }

    private static List<string> Problems(string text)
    {
        List<string> problems = [];
        Check(JsonDocument.Parse(text).RootElement, s_schema, "", problems);
        return problems;
    }

    /// <summary>As much of JSON Schema as our own uses; a keyword that is not among it fails the test.</summary>
    private static void Check(JsonElement value, JsonElement schema, string path, List<string> problems)
    {
        foreach (JsonProperty keyword in schema.EnumerateObject())
        {
            JsonElement wanted = keyword.Value;
            bool isMet = keyword.Name switch
            {
                "$ref" => true,
                "type" => IsOf(value, wanted.GetString()!),
                "const" => value.ValueEquals(wanted.GetString()),
                "enum" => wanted.EnumerateArray().Any(v => value.ValueEquals(v.GetString())),
                "pattern" => Regex.IsMatch(value.GetString()!, wanted.GetString()!),
                "minLength" => value.GetString()!.Length >= wanted.GetInt32(),
                "maxLength" => value.GetString()!.Length <= wanted.GetInt32(),
                "minimum" => value.GetDouble() >= wanted.GetDouble(),
                "exclusiveMinimum" => value.GetDouble() > wanted.GetDouble(),
                "maximum" => value.GetDouble() <= wanted.GetDouble(),
                "minItems" => value.GetArrayLength() >= wanted.GetInt32(),
                "minProperties" => value.EnumerateObject().Count() >= wanted.GetInt32(),
                "required" => wanted.EnumerateArray().All(n => value.TryGetProperty(n.GetString()!, out _)),
                "additionalProperties" => value.EnumerateObject().All(p => schema.GetProperty("properties").TryGetProperty(p.Name, out _)),
                "properties" or "items" or "$defs" or "$schema" or "title" or "description" => true,
                _ => throw new NotSupportedException($"the schema uses {keyword.Name}"),
            };
            if (!isMet)
            {
                problems.Add($"{path}: {keyword.Name}");
                return;
            }
            if (keyword.Name == "$ref")
                Check(value, Definition(wanted.GetString()!.Split('/')[^1]), path, problems);
            else if (keyword.Name == "items")
                foreach ((int i, JsonElement item) in value.EnumerateArray().Index())
                    Check(item, wanted, $"{path}[{i}]", problems);
            else if (keyword.Name == "properties")
                foreach (JsonProperty property in value.EnumerateObject())
                    if (wanted.TryGetProperty(property.Name, out JsonElement member))
                        Check(property.Value, member, $"{path}.{property.Name}", problems);
        }
    }

    private static bool IsOf(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        _ => value.ValueKind == JsonValueKind.Number,
    };
}
