using System.Text.RegularExpressions;
using HangAnalysis.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

public partial class MsvcUndecoratorTests
{
    [TestCase("?_MessageLoop@CDesktopBrowser@@AEAAXXZ", "CDesktopBrowser::_MessageLoop")]
    [TestCase("??1CFileStream@@UEAA@XZ", "CFileStream::~CFileStream")]
    [TestCase("??0CFileStream@@QEAA@PEBGK@Z", "CFileStream::CFileStream")]
    [TestCase("??4Foo@@QEAAAEAV0@AEBV0@@Z", "Foo::operator=")]
    [TestCase("??BFoo@@QEBAHXZ", "Foo::operator int")]
    [TestCase("??_7CFoo@@6B@", "CFoo::`vftable'")]
    [TestCase("??_GCFoo@@UEAAPEAXI@Z", "CFoo::`scalar deleting destructor'")]
    [TestCase("??2@YAPEAX_K@Z", "operator new")]
    [TestCase("??$Make@H$04@Derived@@QEAAHH@Z", "Derived::Make<int,5>")]
    [TestCase("?Get@?$Box@PEAVDerived@@$02@inner@ns@@QEAAPEAVDerived@@H@Z", "ns::inner::Box<Derived *,3>::Get")]
    [TestCase("?push_back@?$vector@HV?$allocator@H@std@@@std@@QEAAXAEBH@Z",
        "std::vector<int,std::allocator<int> >::push_back")]
    [TestCase("??0?$Box@H@@QEAA@XZ", "Box<int>::Box<int>")]
    [TestCase("?calls@?1??Hidden@inner@ns@@YAHH@Z@4HA", "`ns::inner::Hidden'::`2'::calls")]
    [TestCase("??$tf@$$A6AHH@Z@@YAXXZ", "tf<int __cdecl(int)>")]
    [TestCase("??_R0?AVFoo@@@8", "Foo `RTTI Type Descriptor'")]
    [TestCase("??_R4Foo@@6B@", "Foo::`RTTI Complete Object Locator'")]
    [TestCase("??__E?x@A@@2HA@@YAXXZ", "`dynamic initializer for 'A::x''")]
    [TestCase("?f@A@@W7EAAXXZ", "A::f")]
    [TestCase("?f@?A0x1234abcd@@YAHXZ", "`anonymous namespace'::f")]
    [TestCase("??_C@_04ABCDEFGH@text?$AA@", "??_C@_04ABCDEFGH@text?$AA@")]
    [TestCase("_Name@12", "_Name@12")]
    [TestCase("KeWaitForSingleObject", "KeWaitForSingleObject")]
    [TestCase("", "")]
    [TestCase("?", "?")]
    [TestCase("?foo", "?foo")]
    [TestCase("?@@", "?@@")]
    [TestCase("??$a@", "??$a@")]
    public void A_name_is_shown_as_a_debugger_shows_it(string decorated, string expected) =>
        Assert.That(MsvcUndecorator.UndecorateName(decorated), Is.EqualTo(expected));

    [TestCase("_NtClose@4", "NtClose")]
    [TestCase("@ObfDereferenceObject@4", "ObfDereferenceObject")]
    [TestCase("_PsActiveProcessHead", "PsActiveProcessHead")]
    [TestCase("__C_specific_handler", "_C_specific_handler")]
    [TestCase("__allmul@16", "_allmul")]
    [TestCase("KeWait@x", "KeWait@x")]
    public void A_public_symbol_of_C_is_shown_without_its_decoration(string decorated, string expected) =>
        Assert.That(MsvcUndecorator.UndecoratePublic(decorated), Is.EqualTo(expected));

    // Every name is followed by a declaration that llvm-undname prints without access, convention and return type.
    private static readonly string[] s_functions =
    [
        "?x@@YAXXZ", "?x@ns@@YAXXZ", "?f@A@B@C@@QEAAHPEAUD@@@Z", "??0klass@@QEAA@XZ", "??1klass@@QEAA@XZ",
        "??HBase@@QEAAHXZ", "??ABase@@QEAAHH@Z", "??RBase@@QEAAHXZ", "??CBase@@QEAAHXZ", "??8Base@@QEAAHH@Z",
        "??9Base@@QEAAHH@Z", "??_UBase@@SAPEAX_K@Z", "??_VBase@@SAXPEAX@Z", "??EBase@@QEAAHXZ", "??_4Base@@QEAAHH@Z",
        "??JBase@@QEAAHH@Z", "??__MBase@@QEAAHH@Z", "??__LBase@@QEAAHH@Z", "??__K_deg@@YAHO@Z",
        "??_ECFoo@@UEAAPEAXI@Z", "??_DCFoo@@QEAAXXZ", "??_FCFoo@@QEAAXXZ", "??BFoo@@QEBAPEADXZ",
        "??$tf@H@@YAXH@Z", "??$tf@PEAH@@YAXPEAH@Z", "??$tf@PEBD@@YAXPEBD@Z", "??$tf@AEBVFoo@@@@YAXAEBVFoo@@@Z",
        "??$tf@$$QEAH@@YAX$$QEAH@Z", "??$tf@W4E@@@@YAXW4E@@@Z", "??$tf@TU@@@@YAXTU@@@Z", "??$tf@_N@@YAX_N@Z",
        "??$tf@_W@@YAX_W@Z", "??$tf@_J@@YAX_J@Z", "??$tf@_K@@YAX_K@Z", "??$tf@_S@@YAX_S@Z", "??$tf@_U@@YAX_U@Z",
        "??$tf@P6AHH@Z@@YAXP6AHH@Z@Z", "??$tf@P6AXPEAVA@@0@Z@@YAXXZ", "??$tf@P8Foo@@EAAHH@Z@@YAXP8Foo@@EAAHH@Z@Z",
        "??$tf@$0A@@@YAXXZ", "??$tf@$00@@YAXXZ", "??$tf@$0?0@@YAXXZ", "??$tf@$0BAA@@@YAXXZ", "??$tf@$0?BAA@@@YAXXZ",
        "??$tf@V?$vector@HV?$allocator@H@std@@@std@@@@YAXXZ", "??$tf@$$V@@YAXXZ", "??$tf@$$BY02H@@YAXXZ",
        "??$tf@$$CBH@@YAXXZ", "??$tf@$$T@@YAX$$T@Z", "??$tf@PEAY02H@@YAXXZ", "??$tf@$1?x@@3HA@@YAXXZ",
        "??$tf@$1?g@@YAXXZ@@YAXXZ", "??$tf@QEAH@@YAXXZ", "??$tf@PEAPEAX@@YAXXZ",
        "?f@?$basic_string@DU?$char_traits@D@std@@V?$allocator@D@2@@std@@QEAAXXZ",
        "??0?$basic_string@DU?$char_traits@D@std@@V?$allocator@D@2@@std@@QEAA@XZ",
        "?f@?1??g@@YAXXZ@YAXXZ", "?f@L@?1??g@M@@QEAAXXZ@QEAAXXZ", "?f@?BA@??g@@YAXH@Z@YAXXZ",
        "?f@?A0xabcdef@ns@@YAXXZ", "?f@<lambda_1>@?0??g@@YAXXZ@QEBAXXZ",
        "??R<lambda_0a1b2c>@@QEBA@XZ", "?Invoke@?$Func@P6AXH@Z$S@@QEAAXXZ",
        "?f@?$A@V?$B@V?$C@H@@@@@@QEAAXXZ", "?f@?$A@PEAV?$B@H@@V1@@@QEAAXXZ", "?f@A@1@YAXXZ",
        "??$?0H@Foo@@QEAA@H@Z", "??$?HH@Foo@@QEAAHH@Z", "??$Pmd@$H?f@A@@QEAAXXZA@@@YAXXZ",
        "?f@?$S@$0A@$0?1$00@@SAXXZ", "?f@A@@UEBA?AVB@@XZ",
        "?f@A@@QEGAAXXZ", "?f@A@@QEHAAXXZ", "?f@@YAXZZ", "?f@@YAXHZZ", "?f@@YAXP6AXZZ@Z", "?f@@YAXX_E",
        "??_7A@@6B@", "??_7A@@6BB@@@", "??_8A@@7B@", "??_R1A@?0A@EA@Foo@@8", "??_R2Foo@@8",
        "??_R3Foo@@8", "??__Efoo@@YAXXZ", "??__Ffoo@@YAXXZ",
        "??$tf@$E?x@@3HA@@YAXXZ", "?$TSS0@?1??f@@YAXXZ@4HA", "??__J?1??f@@YAXXZ@51", "??_B?1??f@@YAXXZ@51",
        "??$tf@$$YBar@@@@YAXXZ", "??$tf@$MH00@@YAXXZ", "??$tf@PEQFoo@@H@@YAXXZ", "??$f@$$QEAVA@@AEAV1@@@YAXXZ",
    ];

    [Test]
    public void The_names_of_a_table_are_those_of_llvm()
    {
        string names = string.Join('\n', s_functions) + "\n";
        string[] printed = Toolchain.Run("llvm-undname-19", names, "--no-access-specifier",
            "--no-calling-convention", "--no-return-type", "--no-member-type", "--no-variable-type")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        List<string> differences = [];
        int compared = 0;
        for (int i = 0; i + 1 < printed.Length; i++)
        {
            if (!printed[i].StartsWith('?'))
                continue;
            string decorated = printed[i];
            string llvm = printed[i + 1];
            string ours = MsvcUndecorator.UndecorateName(decorated);
            if (llvm.StartsWith('?') || llvm.Contains("Invalid", StringComparison.Ordinal))
                continue;
            compared++;
            if (!IsWholeName(Plain(ours), Plain(llvm)))
                differences.Add($"{decorated}: {ours} but llvm {llvm}");
        }

        Assert.That(differences, Is.Empty, string.Join('\n', differences));
        Assert.That(compared, Is.EqualTo(s_functions.Length));
    }

    [Test]
    public void Damaged_names_never_throw_and_end_quickly()
    {
        Random random = new(1);
        for (int round = 0; round < 200; round++)
            foreach (string name in s_functions)
            {
                char[] damaged = name.ToCharArray();
                for (int i = random.Next(1, 4); i > 0; i--)
                    damaged[random.Next(1, damaged.Length)] = "?@$0123ABPQVX_YZ6"[random.Next(17)];
                MsvcUndecorator.UndecorateName(new string(damaged));
                MsvcUndecorator.UndecorateName(name[..random.Next(name.Length)]);
            }

        Assert.That(MsvcUndecorator.UndecorateName("?" + new string('P', 4000)), Has.Length.EqualTo(4001));
        string nested = string.Concat(Enumerable.Repeat("V?$a@", 700)) + "H";
        Assert.That(MsvcUndecorator.UndecorateName("??$f@" + nested), Is.EqualTo("??$f@" + nested));
    }

    // The name ends where parameters, or nothing, begin.
    private static bool IsWholeName(string ours, string llvm) =>
        llvm.StartsWith(ours, StringComparison.Ordinal)
        && (llvm.Length == ours.Length || llvm[ours.Length] is '(' or '{');

    // Spaces, the words before a class's name, and conventions differ between demanglers and say nothing. Functions
    // within names are whole declarations for llvm, and their names alone for dbghelp when it is asked for names.
    private static string Plain(string name)
    {
        name = NestedFunction().Replace(name, "`$1'");
        name = FunctionArgument().Replace(name, "&$1$2");
        foreach (string word in (string[])["class ", "struct ", "union ", "enum ", "static ", "const A::`", "__cdecl"])
            name = name.Replace(word, word.EndsWith('`') ? "A::`" : "", StringComparison.Ordinal);
        return name.Replace(" dtor", " destructor", StringComparison.Ordinal)
            .Replace(" ctor", " constructor", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"`(?:public: )?\w+ __cdecl ([\w:]+)\(\w*\)'")]
    private static partial Regex NestedFunction();

    [GeneratedRegex(@"(?:&|(?<=\{))([\w:]+)\(void\)([>,])")]
    private static partial Regex FunctionArgument();
}
