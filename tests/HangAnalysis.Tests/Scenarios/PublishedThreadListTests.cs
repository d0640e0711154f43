using HangAnalysis.Commands;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>The published list of Explorer's 47 threads is what <c>!lt</c> prints of it, row by row.</summary>
public class PublishedThreadListTests
{
    private const string Published = """
        Process      PID Thread             Id State        Time Reason
        ============ === ================ ==== ======= ========= =============
        explorer.exe c8c ffffe00101344080  fe8 Waiting   42s.937 WrUserRequest
        explorer.exe c8c ffffe001014d6080  cc4 Waiting    1s.640 WrUserRequest
        explorer.exe c8c ffffe00100666080  fac Waiting 6m:30.718 UserRequest
        explorer.exe c8c ffffe00101522080  a54 Waiting 1m:08.265 UserRequest
        explorer.exe c8c ffffe00101534700  198 Waiting 6m:30.718 UserRequest
        explorer.exe c8c ffffe00101536800  3d8 Waiting 6m:03.656 UserRequest
        explorer.exe c8c ffffe00101545080  418 Waiting     765ms UserRequest
        explorer.exe c8c ffffe00101542800  410 Waiting     765ms UserRequest
        explorer.exe c8c ffffe0010154a080  40c Waiting 6m:30.718 UserRequest
        explorer.exe c8c ffffe0010155b080  31c Waiting 3m:58.531 UserRequest
        explorer.exe c8c ffffe001014f9880  d94 Waiting 1m:20.468 WrQueue
        explorer.exe c8c ffffe00101516080  ddc Waiting 6m:30.718 UserRequest
        explorer.exe c8c ffffe0010151c080  d40 Waiting   42s.937 UserRequest
        explorer.exe c8c ffffe00101564080  d34 Waiting 1m:17.968 UserRequest
        explorer.exe c8c ffffe0010155c080 1004 Waiting 3m:21.046 WrUserRequest
        explorer.exe c8c ffffe0010155e080 1018 Waiting 6m:30.718 UserRequest
        explorer.exe c8c ffffe00101568080 1020 Waiting 1m:17.968 UserRequest
        explorer.exe c8c ffffe00101573080 1034 Waiting 1m:17.968 UserRequest
        explorer.exe c8c ffffe00101574080 1038 Waiting 1m:17.968 UserRequest
        explorer.exe c8c ffffe00101575080 103c Waiting   42s.937 UserRequest
        explorer.exe c8c ffffe00101578080 1040 Waiting 1m:17.984 UserRequest
        explorer.exe c8c ffffe0010157a080 1044 Waiting 6m:30.718 WrUserRequest
        explorer.exe c8c ffffe0010157c080 1050 Waiting 2m:04.281 UserRequest
        explorer.exe c8c ffffe0010157d080 1054 Waiting 1m:58.546 WrUserRequest
        explorer.exe c8c ffffe00101586080 1060 Waiting 1m:17.984 WrUserRequest
        explorer.exe c8c ffffe00101598500 1068 Waiting   12s.843 UserRequest
        explorer.exe c8c ffffe001015ae080 1080 Waiting 3m:58.593 UserRequest
        explorer.exe c8c ffffe001015b5080 1088 Waiting 1m:17.968 WrUserRequest
        explorer.exe c8c ffffe000ffb25080 11d0 Waiting 6m:30.718 UserRequest
        explorer.exe c8c ffffe0010014b080 11e4 Waiting 6m:30.718 WrQueue
        explorer.exe c8c ffffe001020b8080  f94 Waiting   42s.937 WrUserRequest
        explorer.exe c8c ffffe000ff760080  360 Waiting 3m:21.187 UserRequest
        explorer.exe c8c ffffe00107423880 1578 Waiting 1m:17.968 UserRequest
        explorer.exe c8c ffffe00107cba380  c48 Waiting 1m:17.968 UserRequest
        explorer.exe c8c ffffe00109594080 1744 Waiting     765ms UserRequest
        explorer.exe c8c ffffe00109cd6880  ba4 Waiting   53s.171 UserRequest
        explorer.exe c8c ffffe0010af95880 12e8 Waiting 6m:30.718 UserRequest
        explorer.exe c8c ffffe0010aad1080 1714 Waiting 1m:17.984 UserRequest
        explorer.exe c8c ffffe0010b1e1880 1640 Waiting   18s.265 WrQueue
        explorer.exe c8c ffffe000ffe232c0  ca8 Waiting   42s.937 UserRequest
        explorer.exe c8c ffffe0010b114880 148c Waiting   18s.265 WrQueue
        explorer.exe c8c ffffe000ffe98880  d10 Waiting   42s.937 WrQueue
        explorer.exe c8c ffffe001025f0080  b08 Waiting     765ms WrQueue
        explorer.exe c8c ffffe001019d1240  3dc Waiting   13s.796 WrQueue
        explorer.exe c8c ffffe00101932880  a5c Waiting   42s.937 WrQueue
        explorer.exe c8c ffffe0010b1e8880  6b4 Waiting   18s.843 WrQueue
        explorer.exe c8c ffffe0010abba780  f68 Waiting   42s.937 WrQueue

        Thread Count: 47
        Waiting 47 (UserRequest 29, WrQueue 10, WrUserRequest 8)

        """;

    [TestCase("ffffe00100fda900")]
    [TestCase("c8c")]
    [TestCase("explorer")]
    public void The_threads_stand_as_published(string process)
    {
        using ForgedFolder forged = new("explorer-desktop");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, $"!lt {process}"), Is.EqualTo(Published));
    }
}
