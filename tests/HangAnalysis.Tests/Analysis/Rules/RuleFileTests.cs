using System.Text;
using HangAnalysis.Analysis;
using HangAnalysis.Analysis.Rules;
using NUnit.Framework;
using static HangAnalysis.Tests.Analysis.Rules.CaseBuilder;

namespace HangAnalysis.Tests.Analysis.Rules;

/// <summary>Files of rules: what is wrong is told with its line; what is right is matched as docs/rules.md says.</summary>
public class RuleFileTests
{
    private const string Good = """
        {
          "schema": "hanganalysis-rules/1",
          "rules": [
            {
              "id": "acme-filter",
              "kind": "hang",
              "confidence": "high",
              "when": { "owner": ["acmeflt"] },
              "says": "Acme's filter holds a lock for ever.",
              "advice": "Update it.",
              "refs": ["https://example.com/acme/1"],
              "checked": "2026-01-31"
            }
          ]
        }
        """;

    [Test]
    public void A_good_file_is_read_with_all_it_says()
    {
        KnownIssue issue = Parse(Good).Single();

        Assert.That((issue.Id, issue.Kind, issue.Confidence), Is.EqualTo(("acme-filter", IssueKind.Hang, IssueConfidence.High)));
        Assert.That((issue.Says, issue.Advice), Is.EqualTo(("Acme's filter holds a lock for ever.", "Update it.")));
        Assert.That((issue.References.Single(), issue.Checked, issue.File),
            Is.EqualTo(("https://example.com/acme/1", new DateOnly(2026, 1, 31), "my.json")));
        Assert.That(issue.DescribeWays().Single(), Is.EqualTo([("owner", "acmeflt")]));
    }

    [Test]
    public void Comments_a_mark_of_byte_order_and_a_last_comma_do_no_harm() =>
        Assert.That(Parse("\ufeff// mine\n" + Good.Replace("\"checked\": \"2026-01-31\"", "\"checked\": \"2026-01-31\", /* so */")),
            Has.Count.EqualTo(1));

    // JSON that is none, with the line on which that shows.
    [TestCase("\"hang\",", "\"hang\"", 7, "no JSON")]
    [TestCase("]\n}", "", 14, "no JSON")]
    // Properties.
    [TestCase("\"says\"", "\"sais\"", 9, "unknown property 'sais'")]
    [TestCase("\"owner\"", "\"holder\"", 8, "unknown property 'holder'")]
    [TestCase("\"kind\": \"hang\",", "\"kind\": \"hang\", \"kind\": \"crash\",", 6, "twice")]
    [TestCase("\"id\": \"acme-filter\",", "\"id\": 5,", 5, "rules[0].id is of another kind")]
    [TestCase("\"when\": { \"owner\": [\"acmeflt\"] },", "\"when\": [\"acmeflt\"],", 8, "rules[0].when is of another kind")]
    [TestCase("\"id\": \"acme-filter\",", "", 4, "id is missing")]
    [TestCase("\"id\": \"acme-filter\",", "\"id\": \"a b\",", 5, "letters, digits")]
    [TestCase("\"kind\": \"hang\",", "\"kind\": \"stall\",", 6, "'stall' is none of crash, hang, leak, config, hardware")]
    [TestCase("\"confidence\": \"high\",", "\"confidence\": \"sure\",", 7, "'sure' is none of hint, medium, high")]
    [TestCase("\"says\": \"Acme's filter holds a lock for ever.\",", "\"says\": \" \",", 9, "says is empty")]
    [TestCase("\"refs\": [\"https://example.com/acme/1\"],", "", 4, "refs is missing")]
    [TestCase("\"refs\": [\"https://example.com/acme/1\"],", "\"refs\": [],", 4, "refs is missing")]
    [TestCase("https://example.com/acme/1", "acme.com", 11, "no address of a web page")]
    [TestCase("\"checked\": \"2026-01-31\"", "\"note\": \"x\"", 4, "checked is missing")]
    [TestCase("2026-01-31", "31.1.2026", 12, "no day")]
    [TestCase("hanganalysis-rules/1", "hanganalysis-rules/9", 2, "schema has to be")]
    // Evidence.
    [TestCase("\"owner\": [\"acmeflt\"]", "\"owner\": []", 8, "owner is empty")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"owner\": [\"*\"]", 8, "fits everything")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"owner\": [\"re:.*\"]", 8, "fits everything")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"owner\": [\"re:acme(\"]", 8, "no regular expression")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"owner\": [\"re:(a)\\\\1\"]", 8, "refers back to itself")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"stackAny\": [\"acmeflt\"]", 8, "no frame")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"code\": [\"7e\"]", 8, "'7e' is no number")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"code\": [\"0x1ffffffff\"]", 8, "no number")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"p1\": { \"eq\": \"0x8\" }", 8, "means nothing without code")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"code\": [\"0x7f\"], \"p1\": {}", 8, "may be anything")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"code\": [\"0x7f\"], \"p1\": { \"eq\": \"0x18\", \"mask\": \"0xf\" }", 8, "nothing fits it")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"code\": [\"0x7f\"], \"p1\": { \"oneBitOff\": 5 }", 8, "no number of a parameter")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"faultModule\": { \"versionBefore\": \"2.0\" }", 8, "name is missing")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"faultModule\": { \"name\": [\"a\"], \"versionBefore\": \"two\" }", 8, "no version")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"poolTag\": { \"tag\": [\"Acme\"] }", 8, "minMB has to be a number above 0")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"os\": { \"min\": 9600, \"max\": 7601 }, \"owner\": [\"a\"]", 8, "the lesser one first")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"owner\": [null]", 8, "null")]
    // That something is there is no evidence.
    [TestCase("\"owner\": [\"acmeflt\"]", "\"moduleLoaded\": [{ \"name\": [\"acmeflt\"] }]", 8, "is no evidence")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"code\": [\"0x50\"], \"moduleLoaded\": [{ \"name\": [\"acmeflt\"] }]", 8, "is no evidence")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"moduleUnloaded\": [\"acmeflt\"]", 8, "is no evidence")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"os\": { \"min\": 9600 }", 8, "no evidence is asked for")]
    [TestCase("\"owner\": [\"acmeflt\"]", "\"verdict\": [\"deadlock\"]", 8, "no evidence is asked for")]
    [TestCase("\"owner\": [\"acmeflt\"]", "", 8, "no evidence is asked for")]
    public void What_is_wrong_is_told_in_one_line_with_file_and_line(string part, string instead, int line, string reason)
    {
        string text = Good.Replace(part, instead);
        Assert.That(text, Is.Not.EqualTo(Good));

        RuleFileException exception = Assert.Throws<RuleFileException>(() => Parse(text))!;

        Assert.That(exception.Message, Does.StartWith($"my.json({line}): ").And.Contain(reason).And.Not.Contain("\n"));
    }

    [Test]
    public void An_id_may_be_given_once()
    {
        int start = Good.IndexOf("    {\n", StringComparison.Ordinal), end = Good.IndexOf("    }", start, StringComparison.Ordinal) + 5;
        string twice = Good.Insert(end, ",\n" + Good[start..end]);

        Assert.That(() => Parse(twice), Throws.TypeOf<RuleFileException>().With.Message.Contains("my.json(15)")
            .And.Message.Contains("'acme-filter' is given twice"));
    }

    [Test]
    public void A_hint_may_rest_on_a_module_that_is_loaded()
    {
        string hint = Good.Replace("\"high\"", "\"hint\"").Replace("\"owner\": [\"acmeflt\"]", "\"moduleLoaded\": [{ \"name\": [\"acmeflt\"] }]");

        Assert.That(RuleMatcher.Match(Parse(hint), Hang().Loaded("acmeflt").Make()).Single().Findings.Single().ToString(),
            Is.EqualTo("acmeflt is loaded"));
    }

    [TestCase("acme*", "acmeflt", true)]
    [TestCase("ACMEFLT", "acmeflt", true)]
    [TestCase("acme?lt", "acmeflt", true)]
    [TestCase("*flt", "acmeflt", true)]
    [TestCase("a*m*t", "acmeflt", true)]
    [TestCase("acme", "acmeflt", false)]
    [TestCase("flt", "acmeflt", false)]
    [TestCase("re:acme(flt|mon)", "acmeflt", true)]
    [TestCase("re:cmefl", "acmeflt", false)]
    public void A_name_fits_as_a_whole_and_case_does_not_matter(string pattern, string name, bool fits) =>
        Assert.That(NamePattern.Parse(pattern).Pattern.Fits(name), Is.EqualTo(fits));

    /// <summary>The backtracking that this pattern asks for would take longer than anybody lives.</summary>
    [Test, CancelAfter(10_000)]
    public void A_cunning_pattern_takes_no_time()
    {
        Assert.That(NamePattern.Parse("re:(a+)+b").Pattern.Fits(new string('a', 5000)), Is.False);
        Assert.That(NamePattern.Parse(string.Concat(Enumerable.Repeat("*a", 200)) + "b").Pattern.Fits(new string('a', 20_000)), Is.False);
    }

    [TestCase("9.20", "9.20.0.0")]
    [TestCase("6.1.7601.23689 (win7sp1_ldr.170209-0600)", "6.1.7601.23689")]
    [TestCase("10, 0, 1, 7", "10.0.1.7")]
    [TestCase("unknown", null)]
    public void A_version_is_read_as_far_as_it_is_one(string text, string? expected) => Assert.That(
        FileVersion.TryParse(text) is { } v ? $"{v.Major}.{v.Minor}.{v.Build}.{v.Revision}" : null, Is.EqualTo(expected));

    [Test]
    public void A_version_that_the_dump_does_not_tell_meets_no_condition()
    {
        string rule = Good.Replace("\"owner\": [\"acmeflt\"]", "\"code\": [\"0x50\"], \"faultModule\": { \"name\": [\"acmeflt\"], \"versionBefore\": \"2.0\" }");

        Assert.That(RuleMatcher.Match(Parse(rule), Crash(0x50).Fault("acmeflt+0x10", "1.9.9").Make()), Has.Count.EqualTo(1));
        Assert.That(RuleMatcher.Match(Parse(rule), Crash(0x50).Fault("acmeflt+0x10", "2.0").Make()), Is.Empty);
        Assert.That(RuleMatcher.Match(Parse(rule), Crash(0x50).Fault("acmeflt+0x10").Make()), Is.Empty);
    }

    [Test]
    public void A_hint_never_stands_before_a_surer_rule_and_of_equals_the_one_that_asks_for_more_is_first()
    {
        string other = Good.Replace("acme-filter", "b-medium").Replace("\"high\"", "\"medium\"");
        string precise = Good.Replace("acme-filter", "c-medium").Replace("\"high\"", "\"medium\"")
            .Replace("\"owner\": [\"acmeflt\"]", "\"owner\": [\"acmeflt\"], \"os\": { \"min\": 9600 }, \"verdict\": [\"stuck-in-driver\"]");
        string hint = Good.Replace("acme-filter", "a-hint").Replace("\"high\"", "\"hint\"")
            .Replace("\"owner\": [\"acmeflt\"]", "\"owner\": [\"acmeflt\"], \"stackAny\": [\"acmeflt!*\"], \"os\": { \"min\": 9600 }, " +
                "\"verdict\": [\"stuck-in-driver\"], \"moduleLoaded\": [{ \"name\": [\"acmeflt\"] }]");
        List<KnownIssue> all = [.. Parse(hint), .. Parse(other), .. Parse(precise), .. Parse(Good)];

        IReadOnlyList<IssueMatch> matches = RuleMatcher.Match(all, Hang().Owner("acmeflt").Stack("root thread", "acmeflt+0x1")
            .Loaded("acmeflt").Build(9600).Make());

        Assert.That(matches.Select(m => m.Issue.Id), Is.EqualTo(["acme-filter", "c-medium", "b-medium", "a-hint"]));
    }

    [Test]
    public void A_rule_for_hangs_does_not_speak_of_crashes_and_none_for_crashes_of_hangs()
    {
        string crash = Good.Replace("\"hang\"", "\"crash\"");

        Assert.That(RuleMatcher.Match(Parse(Good), Crash(0x50).Owner("acmeflt").Make()), Is.Empty);
        Assert.That(RuleMatcher.Match(Parse(Good), Hang(VerdictClass.NoHang).Owner("acmeflt").Make()), Is.Empty);
        Assert.That(RuleMatcher.Match(Parse(crash), Hang().Owner("acmeflt").Make()), Is.Empty);
        Assert.That(RuleMatcher.Match(Parse(crash), Crash(0x50).Owner("acmeflt").Make()), Has.Count.EqualTo(1));
    }

    [Test]
    public void A_folder_is_read_whole_takes_the_place_of_built_in_rules_or_not_at_all()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("rules-");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "a.json"), Good);
            File.WriteAllText(Path.Combine(folder.FullName, "b.json"), Good.Replace("acme-filter", "MS17-010"));
            File.WriteAllText(Path.Combine(folder.FullName, "readme.txt"), "no rules");
            RuleBook book = new();
            int before = book.Rules.All.Count;

            Assert.That(book.Add(folder.FullName), Is.EqualTo(2));
            Assert.That(book.Rules.All, Has.Count.EqualTo(before + 1));
            Assert.That(book.Rules.Find("ms17-010")!.File, Does.EndWith("b.json"));
            Assert.That(IssueSet.BuiltIn.Find("ms17-010")!.File, Is.Null);

            File.WriteAllText(Path.Combine(folder.FullName, "c.json"), Good);
            Assert.That(() => book.Add(folder.FullName), Throws.TypeOf<RuleFileException>().With.Message.Contains("c.json")
                .And.Message.Contains("acme-filter").And.Message.Contains("a.json"));
            Assert.That(() => book.Add(Path.Combine(folder.FullName, "none.json")), Throws.TypeOf<RuleFileException>());
            Assert.That(() => book.Add(Directory.CreateDirectory(Path.Combine(folder.FullName, "empty")).FullName),
                Throws.TypeOf<RuleFileException>().With.Message.Contains("no file of rules"));
            Assert.That(book.Rules.All, Has.Count.EqualTo(before + 1));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Whatever is in a file, reading it ends in rules or in one line.</summary>
    [Test]
    public void Two_thousand_damaged_files_give_rules_or_one_line()
    {
        byte[] whole = File.ReadAllBytes(Path.Combine(SharedMaterial.RepositoryRoot, "src/HangAnalysis/Analysis/Rules/known-issues.json"));
        byte[] small = Encoding.UTF8.GetBytes(Good);
        string[] splices = ["\"", "{", "}", "[", "]", ",", ":", "null", "true", "1e999", "-1", "\"\\ud800\"", "\"*\"", "\\u0000", "\n",
            "\"re:(((((\"", "\"p1\":{\"eq\":\"0x1\"},", "\"when\":{},", "[[[[[[[[[[[[[[[[[[[["];
        Random random = new(1707);
        int rules = 0, errors = 0;
        for (int round = 0; round < 2000; round++)
        {
            List<byte> text = [.. round % 4 == 0 ? whole : small];
            for (int change = random.Next(1, 6); change > 0 && text.Count > 0; change--)
            {
                int at = random.Next(text.Count);
                switch (random.Next(5))
                {
                    case 0: text[at] = (byte)random.Next(256); break;
                    case 1: text[at] ^= (byte)(1 << random.Next(8)); break;
                    case 2: text.RemoveRange(at, Math.Min(random.Next(1, 40), text.Count - at)); break;
                    case 3: text.InsertRange(at, Encoding.UTF8.GetBytes(splices[random.Next(splices.Length)])); break;
                    default: text.InsertRange(at, text.GetRange(at, Math.Min(random.Next(1, 40), text.Count - at))); break;
                }
            }
            try
            {
                RuleMatcher.Match(RuleFile.Parse(text.ToArray(), "fuzz.json"), Crash(0x50).Fault("csagent+0x1").Make());
                rules++;
            }
            catch (RuleFileException exception)
            {
                Assert.That(exception.Message, Does.StartWith("fuzz.json(").And.Not.Contain("\n").And.Not.Contain("\r"), $"round {round}");
                errors++;
            }
        }
        TestContext.Out.WriteLine($"{rules} files were still good, {errors} were not");
        Assert.That(errors, Is.GreaterThan(500));
    }

    private static List<KnownIssue> Parse(string text) => RuleFile.Parse(Encoding.UTF8.GetBytes(text), "my.json");
}
